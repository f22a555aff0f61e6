import { createAccess } from './access.ts';
import type { App } from './app.ts';
import { createAuthorities } from './authorities.ts';
import { createCertificates } from './certificates.ts';
import { createClientDevices, createConnectivity } from './client-devices.ts';
import { createComponents } from './components.ts';
import { createContentGate } from './content-gate.ts';
import type { AppDeps } from './context.ts';
import { createDeployments } from './deployments.ts';
import { createDeviceRights } from './device-rights.ts';
import { createDevices } from './devices.ts';
import { createDynamicGroups } from './dynamic-groups.ts';
import { createFleetIndex } from './fleet-index.ts';
import { createGroups } from './groups.ts';
import { createHistory } from './history.ts';
import { createJobs } from './jobs.ts';
import { createContentSweep, createObjects } from './objects.ts';
import { createPolicies } from './policies.ts';
import { createProvisioning } from './provisioning.ts';
import { createRoleAliases } from './role-aliases.ts';
import { createServiceRole } from './service-role.ts';
import { createShadows } from './shadows.ts';
import { createTags } from './tags.ts';
import { createTelemetry } from './telemetry.ts';
import { createThingTypes } from './thing-types.ts';
import { createThings } from './things.ts';

/** The use cases over these adapters. */
export function createApp(deps: AppDeps): App {
  const gate = createContentGate();
  const sweep = createContentSweep(deps, gate);
  const rights = createDeviceRights(deps);
  return {
    things: createThings(deps, rights),
    groups: createGroups(deps, rights),
    dynamicGroups: createDynamicGroups(deps),
    thingTypes: createThingTypes(deps),
    fleetIndex: createFleetIndex(deps),
    authorities: createAuthorities(deps),
    certificates: createCertificates(deps),
    policies: createPolicies(deps, rights),
    components: createComponents(deps, sweep),
    deployments: createDeployments(deps),
    devices: createDevices(deps),
    jobs: createJobs(deps),
    shadows: createShadows(deps),
    tags: createTags(deps),
    objects: createObjects(deps, gate, sweep),
    access: createAccess(deps, rights),
    roleAliases: createRoleAliases(deps),
    connectivity: createConnectivity(deps),
    clientDevices: createClientDevices(deps),
    serviceRole: createServiceRole(deps),
    telemetry: createTelemetry(deps),
    messages: { publish: (message) => deps.bus.publish({ kind: 'message', message }) },
    provisioning: createProvisioning(deps, rights),
    history: createHistory(deps),
  };
}
