// `npm run crash-points -- [--all] [--syncs] [--seed N] [--devices 8] [--drawn 20] [--relays 3]`: interrupts deployments of a real device
// runtime at every operation, and looks what becomes of them. `--syncs`: takes away one sync after the other instead.
import { parseArgs } from 'node:util';
import { visitCrashPoints, withoutEachSync } from '../tests/faults/crash/crash-points.ts';

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    syncs: { type: 'boolean', default: false },
    seed: { type: 'string' },
    devices: { type: 'string', default: '8' },
    drawn: { type: 'string', default: '20' },
    relays: { type: 'string', default: '3' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const devices = Number(values.devices);
const say = (line: string) => console.log(line);
if (values.syncs) {
  const reports = await withoutEachSync({ devices, say });
  process.exitCode = reports.every(({ loss }) => loss !== undefined) ? 0 : 1;
} else {
  console.log(`seed ${seed}`);
  const options = { seed, all: values.all, devices, drawn: Number(values.drawn), relays: Number(values.relays), say };
  console.log(JSON.stringify(await visitCrashPoints(options)));
}
