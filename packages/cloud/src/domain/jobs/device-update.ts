import { timesOutAt as inProgressTimesOutAt, type JobConfiguration } from '@greensward/model/rollout';
import { isDeviceStatus, isTerminal, mayMove } from './execution-machine.ts';
import type { Execution } from './job.ts';
import { stepTimesOutAt } from './timers.ts';

/** What a device asks for. */
export interface DeviceUpdate {
  readonly status: string;
  readonly statusDetails?: Readonly<Record<string, string>>;
  readonly expectedVersion?: number;
  /** Minutes; -1 clears. */
  readonly stepTimeoutInMinutes?: number;
}

/** The new execution (`changed` false: a repeat, nothing to store), or the refusal with its IoT Jobs MQTT code. */
export type DeviceUpdateResult =
  | { readonly ok: true; readonly changed: boolean; readonly execution: Execution }
  | { readonly ok: false; readonly code: string; readonly message: string };

/**
 * Applies a device's update. `config` is that of the job: it may limit the time in progress. A repeat of the terminal status that
 * is stored is accepted without effect: a device sends what it could not see acknowledged again.
 */
export function applyDeviceUpdate(
  execution: Execution,
  update: DeviceUpdate,
  config: JobConfiguration | undefined,
  now: number,
): DeviceUpdateResult {
  const { status } = update;
  if (!isDeviceStatus(status)) return refuse('InvalidRequest', `A device cannot set the status ${status}.`);
  const wrong = detailsError(update.statusDetails) ?? stepTimeoutError(update.stepTimeoutInMinutes);
  if (wrong !== undefined) return refuse('InvalidRequest', wrong);
  if (isTerminal(execution.status)) {
    if (execution.status === status) return { ok: true, changed: false, execution };
    return refuse('TerminalStateReached', `The execution is in the terminal state ${execution.status}.`);
  }
  if (update.expectedVersion !== undefined && update.expectedVersion !== execution.version) {
    return refuse('VersionMismatch', `The execution is at version ${execution.version}.`);
  }
  if (!mayMove(execution.status, status, 'device')) {
    return refuse('InvalidStateTransition', `The execution cannot go from ${execution.status} to ${status}.`);
  }
  const { timesOutAt: running, ...rest } = execution;
  const startedAt = execution.startedAt ?? (status === 'IN_PROGRESS' ? now : undefined);
  const timesOutAt =
    status === 'IN_PROGRESS'
      ? stepTimesOutAt(inProgressTimesOutAt(startedAt ?? now, config), running, update.stepTimeoutInMinutes, now)
      : undefined;
  return {
    ok: true,
    changed: true,
    execution: {
      ...rest,
      status,
      version: execution.version + 1,
      statusDetails: update.statusDetails ?? execution.statusDetails,
      updatedAt: now,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(timesOutAt === undefined ? {} : { timesOutAt }),
    },
  };
}

function refuse(code: string, message: string): DeviceUpdateResult {
  return { ok: false, code, message };
}

/** IoT Jobs: at most 10 pairs, keys of 1 to 128 [a-zA-Z0-9:_-], values of 1 to 1024 characters. */
function detailsError(details: Readonly<Record<string, string>> | undefined): string | undefined {
  const entries = Object.entries(details ?? {});
  if (entries.length > 10) return 'statusDetails has more than 10 pairs.';
  for (const [key, value] of entries) {
    if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(key)) return 'A key of statusDetails must be 1 to 128 of a-z A-Z 0-9 : _ -';
    // Lengths are UTF-16 units here: what the device cuts at 1024 counts the same way.
    if (value.length > 1024) return `statusDetails.${key} is longer than 1024 characters.`;
  }
  return undefined;
}

function stepTimeoutError(minutes: number | undefined): string | undefined {
  if (minutes === undefined || minutes === -1) return undefined;
  if (Number.isInteger(minutes) && minutes >= 1 && minutes <= 10080) return undefined;
  return 'stepTimeoutInMinutes must be -1 or 1 to 10080.';
}
