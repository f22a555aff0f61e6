import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../children.ts';
import type { CloudClient } from '../cloud-client/cloud-client.ts';
import { deviceBundle, deviceNodeFlags } from '../device-bundle.ts';
import { deviceEnvironment } from '../environment.ts';
import { provisionThing, writeDeviceConfig } from '../provision/provision-thing.ts';

/** A device that ended by itself is started again after this pause, as a service manager would. */
const restartPauseMs = 1000;

/** The core devices of `sward up`. */
export interface LocalDevices {
  readonly names: readonly string[];
  stop(): Promise<void>;
}

/** The folder of a local device below the data folder. */
export function deviceRoot(dataFolder: string, name: string): string {
  return join(dataFolder, 'devices', name);
}

/** Provisions devices `core-1` to `core-N` in `group` where they are not there yet, and keeps them running. */
export async function startLocalDevices(
  client: CloudClient,
  dataFolder: string,
  count: number,
  group: string,
  say: (line: string) => void,
): Promise<LocalDevices> {
  const names = Array.from({ length: count }, (_, index) => `core-${index + 1}`);
  for (const name of names) {
    const root = deviceRoot(dataFolder, name);
    const known = await stat(join(root, 'config.yaml')).then(
      () => true,
      () => false,
    );
    if (known) await writeDeviceConfig(client, name, root);
    else await provisionThing(client, name, [group], root);
  }
  const bundle = count > 0 ? await deviceBundle() : '';
  const kept = names.map((name) =>
    keepRunning(name, [...deviceNodeFlags, bundle, '--root', deviceRoot(dataFolder, name)], say),
  );
  return {
    names,
    async stop() {
      await Promise.all(kept.map((device) => device.stop()));
    },
  };
}

function keepRunning(name: string, args: readonly string[], say: (line: string) => void): { stop(): Promise<void> } {
  let stopping = false;
  let child: Child;
  let lastLine = '';
  const start = () => {
    const keepLine = (line: string) => {
      lastLine = line;
    };
    child = startChild(name, args, keepLine, deviceEnvironment());
    void child.ended.then(async ({ code, signal }) => {
      if (stopping) return;
      say(`${name} ended (${signal ?? `exit ${code}`})${lastLine === '' ? '' : `: ${lastLine}`}; starting it again`);
      await sleep(restartPauseMs);
      if (!stopping) start();
    });
  };
  start();
  return {
    async stop() {
      stopping = true;
      await child.stop();
    },
  };
}
