// A cloud as `sward cloud` runs it, that also tells what it costs: its CPU time, its memory, the delays of its event loop. With a
// second argument each of its commits takes that many ms more.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseSettings } from '@greensward/cloud/settings';
import { startCloud } from '@greensward/cloud/start';
import { type Log, silentLog } from '@greensward/kit';
import { slowStorage } from './slow-storage.ts';

export interface CloudCost {
  /** Since the process began. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Since the last time it was asked. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
}

const [data = '', slowMs = '0'] = process.argv.slice(2);
const settings = parseSettings({ data, 'api-port': '0', 'device-port': '0', 'mqtt-port': '0' });
const errors: Log = { ...silentLog, error: (message, fields) => console.error(message, fields) };
const log: Log = { ...errors, warn: (message, fields) => console.error(message, fields) };
const delay = Number(slowMs);
const cloud = await startCloud(settings, {
  log,
  ...(delay > 0 ? { storage: (opened) => slowStorage(opened, delay) } : {}),
});
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const cost: CloudCost = {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    loopDelayP99Ms: loop.percentile(99) / 1e6,
    loopDelayMaxMs: loop.max / 1e6,
  };
  loop.reset();
  process.send?.({ kind: 'cost', cost });
});
const stop = () => void cloud.stop().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.send?.({ kind: 'ready', ...cloud.ports, endpoint: cloud.endpoint });
