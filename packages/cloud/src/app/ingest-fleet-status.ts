import { type Log, messageOf } from '@greensward/kit';
import { createFleetStatusChunks, type FleetStatus, parseFleetStatus } from '@greensward/protocol/fleet-status';
import { applyFleetStatus } from '../domain/devices/apply-fleet-status.ts';
import type { CoreDevice, InstalledComponent } from '../domain/devices/core-device.ts';
import { withOutcome } from '../domain/jobs/outcome.ts';
import type { Tx } from '../ports/storage.ts';
import type { DeviceUseCases } from './app.ts';
import type { AppDeps } from './context.ts';

/** Unfinished chunked messages that are kept, one a thing; of each at most so many chunks of up to 256 kB. */
const maxUnfinished = 200;
const maxChunks = 16;

/**
 * Takes fleet status messages as a list and in one transaction. What cannot be read, or speaks for another thing, is logged
 * and dropped: nobody waits for an answer. Parts of a chunked message are kept in memory until the last one is there.
 */
export function createFleetStatusIngest({
  storage,
  log,
}: Pick<AppDeps, 'storage' | 'log'>): DeviceUseCases['ingestFleetStatus'] {
  const chunks = createFleetStatusChunks(maxUnfinished);

  return async (messages) => {
    const statuses = messages.flatMap((message) => {
      const status = readStatus(message, log);
      return (status && chunks.add(status)) ?? [];
    });
    if (statuses.length === 0) return;
    const things = [...new Set(statuses.map(({ thing }) => thing))];
    await storage.write(async (tx) => {
      // Also of a message that comes late: its sequence number says that its components are old, not how its deployment ended.
      await keepOutcomes(tx, statuses);
      const devices = new Map(await tx.devices.getMany(things));
      const installed = new Map(
        [...(await tx.devices.componentsOf(things))].map(([thing, list]) => [thing, byName(list)]),
      );
      const put = new Map<string, InstalledComponent>();
      const removed = new Map<string, { thing: string; name: string }>();
      const changed = new Map<string, CoreDevice>();
      for (const status of statuses) {
        const { thing } = status;
        const components = installed.get(thing) ?? new Map<string, InstalledComponent>();
        const change = applyFleetStatus(devices.get(thing), [...components.values()], status);
        if (change === undefined) {
          log.debug('an old fleet status was ignored', { thing, sequence: status.sequenceNumber });
          continue;
        }
        installed.set(thing, components);
        devices.set(thing, change.device);
        changed.set(thing, change.device);
        for (const name of change.removed) {
          components.delete(name);
          put.delete(`${thing}/${name}`);
          removed.set(`${thing}/${name}`, { thing, name });
        }
        for (const component of change.put) {
          components.set(component.name, component);
          removed.delete(`${thing}/${component.name}`);
          put.set(`${thing}/${component.name}`, component);
        }
      }
      if (changed.size > 0) await tx.devices.put([...changed.values()]);
      if (removed.size > 0) await tx.devices.deleteComponents([...removed.values()]);
      if (put.size > 0) await tx.devices.putComponents([...put.values()]);
    });
  };
}

/** How deployments failed, in full, goes to their executions, which may end before or after. */
async function keepOutcomes(tx: Tx, statuses: readonly FleetStatus[]): Promise<void> {
  const told = statuses.flatMap(({ thing, deployment }) =>
    deployment?.deploymentId === undefined || deployment.status === 'SUCCEEDED'
      ? []
      : [{ thing, deploymentId: deployment.deploymentId, outcome: deployment.outcome }],
  );
  if (told.length === 0) return;
  const jobIds = await tx.deployments.jobIds(told.map(({ deploymentId }) => deploymentId));
  const known = told.flatMap(({ thing, deploymentId, outcome }) => {
    const jobId = jobIds.get(deploymentId);
    return jobId === undefined ? [] : [{ jobId, thing, outcome }];
  });
  const executions = await tx.executions.getMany(known);
  const changed = known.flatMap(({ jobId, thing, outcome }) => {
    const execution = executions.get(`${jobId}/${thing}`);
    const next = execution && withOutcome(execution, outcome);
    return next === undefined || next === execution ? [] : [next];
  });
  if (changed.length > 0) await tx.executions.updateMany(changed);
}

function readStatus({ thing, payload }: { thing: string; payload: Uint8Array }, log: Log): FleetStatus | undefined {
  try {
    const status = parseFleetStatus(payload);
    if (status.thing !== thing) {
      log.warn('a fleet status for another thing was dropped', { thing, named: status.thing });
      return undefined;
    }
    if ((status.chunk?.total ?? 1) > maxChunks) {
      log.warn('a fleet status of too many chunks was dropped', { thing, chunks: status.chunk?.total });
      return undefined;
    }
    return status;
  } catch (error) {
    log.warn('a fleet status was dropped', { thing, error: messageOf(error) });
    return undefined;
  }
}

function byName(components: readonly InstalledComponent[]): Map<string, InstalledComponent> {
  return new Map(components.map((component) => [component.name, component]));
}
