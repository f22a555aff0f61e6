import type { Clock } from '@greensward/kit';
import type { Tx } from '../../ports/storage.ts';
import type { Queries } from './schema.ts';
import { auditStore } from './stores/audit.ts';
import { caCertificateStore, certificateStore } from './stores/certificates.ts';
import { clientDeviceStore, connectivityStore, serviceRoleStore } from './stores/client-devices.ts';
import { componentStore } from './stores/components.ts';
import { deploymentStore } from './stores/deployments.ts';
import { deviceStore } from './stores/devices.ts';
import { TxEvents } from './stores/events.ts';
import { executionStore } from './stores/executions.ts';
import { failureStore } from './stores/failures.ts';
import { fleetIndexStore } from './stores/fleet-index.ts';
import { groupStore } from './stores/groups.ts';
import { jobStore } from './stores/jobs.ts';
import { leaseStore } from './stores/leases.ts';
import { mqttSessionStore } from './stores/mqtt-sessions.ts';
import { objectIndex } from './stores/objects.ts';
import { policyStore } from './stores/policies.ts';
import { provisioningStore } from './stores/provisioning.ts';
import { accessKeyStore, idempotencyStore, tagStore } from './stores/requests.ts';
import { retentionStore } from './stores/retention.ts';
import { rightsStore } from './stores/rights.ts';
import { roleAliasStore } from './stores/role-aliases.ts';
import { shadowStore } from './stores/shadows.ts';
import { telemetryStore } from './stores/telemetry.ts';
import { thingTypeStore } from './stores/thing-types.ts';
import { thingStore } from './stores/things.ts';

/** Every store on one transaction. `shards`: rows a count of executions is spread over; `clock`: the time of events. */
export function createTx(db: Queries, shards: number, clock: Clock): Tx {
  const events = new TxEvents(db, clock);
  return {
    things: thingStore(db),
    groups: groupStore(db),
    thingTypes: thingTypeStore(db),
    fleetIndex: fleetIndexStore(db),
    certificates: certificateStore(db),
    caCertificates: caCertificateStore(db),
    policies: policyStore(db),
    components: componentStore(db),
    deployments: deploymentStore(db, events),
    jobs: jobStore(db, events),
    executions: executionStore(db, shards, events),
    leases: leaseStore(db),
    shadows: shadowStore(db),
    devices: deviceStore(db),
    tags: tagStore(db),
    idempotency: idempotencyStore(db),
    objects: objectIndex(db),
    accessKeys: accessKeyStore(db),
    roleAliases: roleAliasStore(db),
    connectivity: connectivityStore(db),
    clientDevices: clientDeviceStore(db),
    serviceRole: serviceRoleStore(db),
    telemetry: telemetryStore(db),
    rights: rightsStore(db),
    provisioning: provisioningStore(db),
    mqttSessions: mqttSessionStore(db),
    events,
    failures: failureStore(db),
    audit: auditStore(db),
    retention: retentionStore(db, shards),
  };
}
