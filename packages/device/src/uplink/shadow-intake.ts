import { isJsonObject, type Json } from '@greensward/kit';
import type { DeploymentShadowMessage } from '@greensward/protocol/deployment-shadow';
import type { Arrival } from './uplink.ts';

/** What the device remembers of the deployment shadow while its process lives. */
export interface ShadowMemory {
  /** The newest version seen. */
  readonly version: number;
  /** The configuration ARN of the newest desired state; undefined until the first. */
  readonly configurationArn: string | undefined;
  readonly canceled: boolean;
}

export const noShadowSeen: ShadowMemory = { version: -1, configurationArn: undefined, canceled: false };

/** The last status this process reported. */
export interface LastReport {
  readonly configurationArn: string;
  readonly status: string;
}

export interface ShadowDecision {
  readonly memory: ShadowMemory;
  /** The cloud's idea of the last status is not the device's: report again. */
  readonly republish: boolean;
  readonly arrival?: Arrival;
  /** Why the desired state is not usable, for a log. */
  readonly problem?: string;
}

/**
 * What a shadow message asks of the device (ShadowDeploymentListener.shadowUpdated). Where that ignores a cancellation in the first
 * message of a process, because it remembers nothing to cancel, this device may have begun it before it was restarted.
 */
export function takeShadow(
  memory: ShadowMemory,
  message: DeploymentShadowMessage,
  lastReport: LastReport | undefined,
): ShadowDecision {
  if (message.version < memory.version) return { memory, republish: false };
  const { desired, reported } = message;
  const seen = { ...memory, version: message.version };
  const republish =
    reported !== undefined &&
    lastReport !== undefined &&
    (reported.configurationArn !== lastReport.configurationArn || reported.status !== lastReport.status);
  if (desired === undefined) return { memory: seen, republish };
  const document = parse(desired.fleetConfig);
  const configurationArn = isJsonObject(document) ? document['configurationArn'] : undefined;
  if (document === undefined || typeof configurationArn !== 'string') {
    return { memory: seen, republish, problem: 'desired.fleetConfig is not a JSON document with a configurationArn' };
  }
  const cancel = desired.desiredStatus === 'CANCELED';
  const next: ShadowMemory = { version: message.version, configurationArn, canceled: cancel };
  const arrival: Arrival = { kind: 'shadow', configurationArn, document, cancel };
  const skip =
    memory.configurationArn === undefined
      ? // The first one since the process started may be long done. A cancellation may be of what the journal goes on with.
        !cancel &&
        (lastReport?.configurationArn === configurationArn ||
          (reported?.configurationArn === configurationArn && reported.status !== 'IN_PROGRESS'))
      : memory.configurationArn === configurationArn && (!cancel || memory.canceled);
  if (skip) return { memory: { ...next, canceled: cancel || sameCanceled(memory, configurationArn) }, republish };
  return { memory: next, republish, arrival };
}

/** A cancellation stays one, also when its deployment is seen again afterwards by a late message. */
function sameCanceled(memory: ShadowMemory, configurationArn: string): boolean {
  return memory.canceled && memory.configurationArn === configurationArn;
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
