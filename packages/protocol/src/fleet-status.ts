import { Fault, type JsonObject } from '@greensward/kit';
import { readOutcome } from './deployment-shadow.ts';
import type { DeploymentOutcome } from './jobs.ts';
import { type Payload, readPayload } from './payload.ts';
import { COMPONENT_STATES, type ComponentState, FLEET_STATUS_TRIGGERS, type FleetStatusTrigger } from './vocabulary.ts';

// Fleet status: what a core device says of itself and its components.

export interface FleetStatusComponent {
  readonly componentName: string;
  /** Built-in services say `0.0.0`, or nothing. */
  readonly version: string | undefined;
  /** Configuration ARNs, or ids of local deployments, that brought it. Empty: nothing wants it any more. */
  readonly fleetConfigArns: readonly string[];
  /** Only of ERRORED and BROKEN components. */
  readonly statusCodes: readonly string[];
  readonly statusReason: string | undefined;
  readonly isRoot: boolean;
  readonly status: ComponentState;
}

export interface FleetStatusDeployment {
  /** SUCCEEDED, FAILED, REJECTED or CANCELED. */
  readonly status: string;
  readonly outcome: DeploymentOutcome;
  readonly configurationArn: string | undefined;
  readonly deploymentId: string | undefined;
  /** Roots of the deployment that are not in `components`, because nothing of theirs changed. */
  readonly unchangedRootComponents: readonly string[];
}

export interface FleetStatus {
  readonly ggcVersion: string;
  readonly platform: string;
  readonly architecture: string;
  /** `aws_nucleus_classic` or `aws_nucleus_lite`; the Java nucleus does not say. */
  readonly runtime: string | undefined;
  readonly thing: string;
  readonly overallDeviceStatus: 'HEALTHY' | 'UNHEALTHY';
  /** Starts at 0 or 1 and grows by one a message; chunks share it. */
  readonly sequenceNumber: number;
  /** Epoch milliseconds, by the device's clock. */
  readonly timestamp: number;
  /** COMPLETE replaces the inventory, PARTIAL adds to it. */
  readonly messageType: 'COMPLETE' | 'PARTIAL';
  /** Undefined when the device gave none we know. */
  readonly trigger: FleetStatusTrigger | undefined;
  readonly chunk: { readonly id: number; readonly total: number } | undefined;
  readonly components: readonly FleetStatusComponent[];
  readonly deployment: FleetStatusDeployment | undefined;
}

/** The largest payload a device sends, in bytes. */
const MAX_PAYLOAD = 128_000;
/** What is accepted: some slack over what a device is allowed. */
const MAX_ACCEPTED = 2 * MAX_PAYLOAD;
const MAX_CHUNKS = 100;
const MAX_COMPONENTS = 10_000;
const MAX_TEXT = 1000;
/** Characters of a failure cause that are sent: a message must leave, however long the cause. */
const MAX_CAUSE = 8000;

const invalid = (message: string) => new Fault('InvalidFleetStatus', message);
const cut = (text: string | undefined) => text?.slice(0, MAX_TEXT);
const within = (text: string, max: number) => text.length > 0 && text.length <= max;

/**
 * Reads a fleet status message of any nucleus: unknown members are ignored, missing ones get a neutral value, and a
 * component without a usable name or state is dropped.
 *
 * @throws Fault InvalidFleetStatus when it is no JSON object, too large, or has no thing, sequence number or time.
 */
export function parseFleetStatus(bytes: Uint8Array): FleetStatus {
  if (bytes.length > MAX_ACCEPTED) throw invalid(`The payload is larger than ${MAX_ACCEPTED} bytes`);
  const payload = readPayload(bytes, 'InvalidFleetStatus');
  const thing = payload.string('thing') ?? '';
  const sequenceNumber = payload.integer('sequenceNumber');
  const timestamp = payload.integer('timestamp');
  if (!within(thing, 128)) throw invalid('thing must name the device');
  if (sequenceNumber === undefined || !Number.isSafeInteger(sequenceNumber) || sequenceNumber < 0) {
    throw invalid('sequenceNumber must be a number of at least 0');
  }
  if (timestamp === undefined || !Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw invalid('timestamp must be epoch milliseconds');
  }
  return {
    ggcVersion: cut(payload.string('ggcVersion')) ?? '',
    platform: cut(payload.string('platform')) ?? '',
    architecture: cut(payload.string('architecture')) ?? '',
    runtime: cut(payload.string('runtime')),
    thing,
    overallDeviceStatus: payload.raw('overallDeviceStatus') === 'UNHEALTHY' ? 'UNHEALTHY' : 'HEALTHY',
    sequenceNumber,
    timestamp,
    messageType: payload.raw('messageType') === 'COMPLETE' ? 'COMPLETE' : 'PARTIAL',
    trigger: FLEET_STATUS_TRIGGERS.find((item) => item === payload.raw('trigger')),
    chunk: chunkOf(payload),
    components: payload.objects('components').slice(0, MAX_COMPONENTS).flatMap(componentOf),
    deployment: deploymentOf(payload.object('deploymentInformation')),
  };
}

function chunkOf(payload: Payload): FleetStatus['chunk'] {
  const info = payload.object('chunkInfo');
  if (info === undefined) return undefined;
  const id = info.integer('chunkId') ?? 0;
  const total = info.integer('totalChunks') ?? 0;
  if (total < 1 || total > MAX_CHUNKS || id < 1 || id > total) {
    throw invalid(`chunkInfo must number 1 to at most ${MAX_CHUNKS} chunks`);
  }
  return { id, total };
}

function componentOf(payload: Payload): FleetStatusComponent[] {
  const componentName = payload.string('componentName') ?? '';
  const status = COMPONENT_STATES.find((item) => item === payload.raw('status'));
  if (status === undefined || !within(componentName, 128)) return [];
  const details = payload.object('componentStatusDetails');
  return [
    {
      componentName,
      version: payload.string('version')?.slice(0, 64),
      fleetConfigArns: payload.strings('fleetConfigArns') ?? [],
      statusCodes: details?.strings('statusCodes') ?? [],
      statusReason: cut(details?.string('statusReason')),
      isRoot: payload.boolean('isRoot') ?? false,
      status,
    },
  ];
}

/** nucleus lite sends `{}` where there was no deployment. */
function deploymentOf(payload: Payload | undefined): FleetStatusDeployment | undefined {
  const status = payload?.string('status');
  if (payload === undefined || status === undefined) return undefined;
  return {
    status,
    outcome: readOutcome(payload.object('statusDetails')),
    configurationArn: payload.string('fleetConfigurationArnForStatus'),
    deploymentId: payload.string('deploymentId'),
    unchangedRootComponents: payload.strings('unchangedRootComponents') ?? [],
  };
}

/** Chunked messages on their way to being whole. Owned by the one who receives them. */
export interface FleetStatusChunks {
  /** The whole message once its last chunk is there (at once when it is not chunked); undefined until then. */
  add(status: FleetStatus): FleetStatus | undefined;
}

/** Keeps at most one unfinished message a thing, and of at most `maxThings` things: the oldest is forgotten. */
export function createFleetStatusChunks(maxThings = 1000): FleetStatusChunks {
  const pending = new Map<string, { readonly key: string; readonly parts: Map<number, FleetStatus> }>();
  return {
    add(status) {
      if (status.chunk === undefined) return status;
      const key = `${status.sequenceNumber}/${status.chunk.total}/${status.timestamp}`;
      const known = pending.get(status.thing);
      const entry = known?.key === key ? known : { key, parts: new Map<number, FleetStatus>() };
      entry.parts.set(status.chunk.id, status);
      pending.delete(status.thing);
      if (entry.parts.size === status.chunk.total) return joined(status, entry.parts);
      pending.set(status.thing, entry);
      if (pending.size > maxThings) {
        const [oldest] = pending.keys();
        if (oldest !== undefined) pending.delete(oldest);
      }
      return undefined;
    },
  };
}

function joined(last: FleetStatus, parts: ReadonlyMap<number, FleetStatus>): FleetStatus {
  const inOrder = [...parts].sort(([a], [b]) => a - b).map(([, part]) => part);
  const components = inOrder.flatMap((part) => part.components).slice(0, MAX_COMPONENTS);
  const deployment = inOrder.find((part) => part.deployment !== undefined)?.deployment;
  return { ...last, chunk: undefined, components, deployment };
}

/**
 * The payloads a device sends for `status`: one, or several chunks when it exceeds 128,000 bytes. A component too large
 * for a message of its own is left out.
 */
export function fleetStatusPayloads(status: FleetStatus): Uint8Array[] {
  const encoder = new TextEncoder();
  const rows = status.components.map(componentJson);
  const whole = encoder.encode(JSON.stringify(statusJson(status, rows, undefined)));
  if (whole.length <= MAX_PAYLOAD) return [whole];
  const envelope = encoder.encode(JSON.stringify(statusJson(status, [], { id: MAX_CHUNKS, total: MAX_CHUNKS }))).length;
  const groups: JsonObject[][] = [];
  let room = 0;
  for (const row of rows) {
    const size = encoder.encode(JSON.stringify(row)).length + 1;
    if (envelope + size > MAX_PAYLOAD) continue;
    if (size > room) {
      groups.push([]);
      room = MAX_PAYLOAD - envelope;
    }
    groups.at(-1)?.push(row);
    room -= size;
  }
  if (groups.length === 0) groups.push([]);
  return groups.map((group, index) => {
    const chunk = groups.length === 1 ? undefined : { id: index + 1, total: groups.length };
    return encoder.encode(JSON.stringify(statusJson(status, group, chunk)));
  });
}

function statusJson(status: FleetStatus, components: JsonObject[], chunk: FleetStatus['chunk']): JsonObject {
  return {
    ggcVersion: status.ggcVersion,
    platform: status.platform,
    architecture: status.architecture,
    runtime: status.runtime,
    thing: status.thing,
    sequenceNumber: status.sequenceNumber,
    timestamp: status.timestamp,
    messageType: status.messageType,
    trigger: status.trigger,
    overallDeviceStatus: status.overallDeviceStatus,
    chunkInfo: chunk && { chunkId: chunk.id, totalChunks: chunk.total },
    deploymentInformation: status.deployment && deploymentJson(status.deployment),
    components,
  };
}

function componentJson(component: FleetStatusComponent): JsonObject {
  const explained = component.statusCodes.length > 0 || component.statusReason !== undefined;
  return {
    componentName: component.componentName,
    version: component.version ?? null,
    fleetConfigArns: [...component.fleetConfigArns],
    componentStatusDetails: explained
      ? { statusCodes: [...component.statusCodes], statusReason: component.statusReason ?? '' }
      : null,
    isRoot: component.isRoot,
    status: component.status,
  };
}

function deploymentJson(deployment: FleetStatusDeployment): JsonObject {
  const { outcome } = deployment;
  return {
    status: deployment.status,
    statusDetails: {
      detailedStatus: outcome.detailedStatus ?? null,
      failureCause: outcome.failureCause?.slice(0, MAX_CAUSE) ?? null,
      errorStack: outcome.errorStack === undefined ? null : [...outcome.errorStack],
      errorTypes: outcome.errorTypes === undefined ? null : [...outcome.errorTypes],
    },
    fleetConfigurationArnForStatus: deployment.configurationArn,
    deploymentId: deployment.deploymentId,
    unchangedRootComponents: [...deployment.unchangedRootComponents],
  };
}
