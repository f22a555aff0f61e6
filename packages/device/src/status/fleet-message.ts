import type { FleetStatus, FleetStatusComponent, FleetStatusDeployment } from '@greensward/protocol/fleet-status';
import type { FleetStatusTrigger } from '@greensward/protocol/vocabulary';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import type { ComponentSet, OwedStatus } from '../store/records.ts';

/** What a fleet status says of the device itself. */
export interface DeviceFacts {
  readonly thing: string;
  readonly nucleusComponent: string;
  readonly nucleusVersion: string;
  readonly platform: string;
  readonly architecture: string;
}

/** Component name -> version, as the cloud was last told. */
export type Inventory = ReadonlyMap<string, string>;

/** The components of a message: what runs, the runtime itself, and what was reported before and is gone. */
export function componentRows(
  facts: DeviceFacts,
  set: ComponentSet,
  statuses: readonly ComponentStatus[],
  reported: Inventory,
): readonly FleetStatusComponent[] {
  const states = new Map(statuses.map((status) => [status.name, status]));
  const components = [...set.values()].filter(({ name }) => name !== facts.nucleusComponent);
  const rows: FleetStatusComponent[] = components.map((entry) => {
    const status = states.get(entry.name);
    const failing = status?.state === 'ERRORED' || status?.state === 'BROKEN';
    return {
      componentName: entry.name,
      version: entry.version,
      fleetConfigArns: entry.sources,
      statusCodes: failing ? status.statusCodes : [],
      statusReason: failing ? status.reason : undefined,
      isRoot: entry.isRoot,
      // What is built in has no lifecycle: it runs while the runtime does.
      status: status?.state ?? (entry.builtin ? 'RUNNING' : 'NEW'),
    };
  });
  const plain = { fleetConfigArns: [], statusCodes: [], statusReason: undefined, isRoot: false };
  const own = set.get(facts.nucleusComponent);
  const nucleus = {
    ...plain,
    ...(own === undefined ? {} : { isRoot: own.isRoot, fleetConfigArns: own.sources }),
    componentName: facts.nucleusComponent,
    version: facts.nucleusVersion,
    status: 'RUNNING' as const,
  };
  const gone = [...reported]
    .filter(([name]) => !set.has(name) && name !== facts.nucleusComponent)
    .map(([componentName, version]) => ({ ...plain, componentName, version, status: 'UNINSTALLED' as const }));
  return [...rows, nucleus, ...gone];
}

/** The deployment part of a message about a deployment that ended. */
export function deploymentPart(owed: OwedStatus): FleetStatusDeployment {
  return {
    status: owed.status,
    outcome: {
      detailedStatus: owed.detailedStatus,
      failureCause: owed.failure?.cause,
      errorStack: owed.failure?.errorStack,
      errorTypes: owed.failure?.errorTypes,
    },
    // A local deployment has no configuration in the cloud.
    configurationArn: owed.source.kind === 'local' ? undefined : owed.configurationArn,
    deploymentId: owed.deploymentId,
    unchangedRootComponents: [],
  };
}

/** The whole message. `sequenceNumber` grows by one a message, `now` is epoch ms. */
export function fleetMessage(
  facts: DeviceFacts,
  about: {
    readonly trigger: FleetStatusTrigger;
    readonly sequenceNumber: number;
    readonly now: number;
    readonly components: readonly FleetStatusComponent[];
    readonly deployment?: FleetStatusDeployment;
  },
): FleetStatus {
  const complete = about.trigger === 'NUCLEUS_LAUNCH' || about.trigger === 'CADENCE';
  return {
    ggcVersion: facts.nucleusVersion,
    platform: facts.platform,
    architecture: facts.architecture,
    runtime: 'aws_nucleus_classic',
    thing: facts.thing,
    overallDeviceStatus: about.components.some((component) => component.status === 'BROKEN') ? 'UNHEALTHY' : 'HEALTHY',
    sequenceNumber: about.sequenceNumber,
    timestamp: about.now,
    messageType: complete ? 'COMPLETE' : 'PARTIAL',
    trigger: about.trigger,
    chunk: undefined,
    components: about.components,
    deployment: about.deployment,
  };
}
