import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { FleetReport, FleetSettings } from '@greensward/simulator/fleet';
import { answerOf, startNode, untilReady } from './processes.ts';

const require = createRequire(import.meta.url);

interface Answer {
  readonly report: FleetReport;
  readonly cpu: NodeJS.CpuUsage;
  readonly memory: number;
}

export interface FleetState {
  readonly report: FleetReport;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** Simulated devices in a process of their own. */
export interface FleetProcess {
  state(): Promise<FleetState>;
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the simulator on these settings, and waits until every device was answered. */
export async function startFleetProcess(folder: string, settings: FleetSettings): Promise<FleetProcess> {
  const file = join(folder, `fleet-${settings.seed}.json`);
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  const started = startNode(['--max-semi-space-size=4', require.resolve('@greensward/simulator/main'), 'fleet', file]);
  await untilReady(started);
  const ask = (question: 'report' | 'clear') => answerOf<Answer>(started.child, question);
  return {
    async state() {
      const { report, cpu, memory } = await ask('report');
      return { report, cpuSeconds: (cpu.user + cpu.system) / 1e6, residentBytes: memory };
    },
    async clear() {
      await ask('clear');
    },
    stop: () => started.stop(),
  };
}
