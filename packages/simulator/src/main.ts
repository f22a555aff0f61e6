import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Fault, messageOf } from '@greensward/kit';
import { systemClock, systemTimers } from '@greensward/kit/node';
import { parseBehaviour } from './behaviour/parse-behaviour.ts';
import { type FleetSettings, startFleet } from './fleet/fleet.ts';
import { readRequest } from './forecast/request.ts';
import { simulate, textOf } from './forecast/simulate.ts';

const usage = `usage: sward simulate FILE.json --devices N [--failure-rate P] [--reject-rate P] [--timeout-rate P]
  [--latency 20s..2m] [--offline P[:0s..8h]] [--seed 1] [--runs 5] [--json]`;
const exitCodes = { failed: 1, wrongUsage: 2 };
const maxDevices = 1_000_000;
const maxRuns = 1000;

try {
  const [command, ...args] = process.argv.slice(2);
  if (command === 'forecast') showForecast(args);
  else if (command === 'fleet') await runFleet(args);
  else throw new Fault('Usage', 'what to do is expected: forecast or fleet');
} catch (error) {
  const wrong = isWrongUsage(error);
  console.error(`sward: ${messageOf(error)}${wrong ? `\n${usage}` : ''}`);
  process.exitCode = wrong ? exitCodes.wrongUsage : exitCodes.failed;
}

/** `forecast FILE.json --devices N ...`: prints how a rollout would go. */
function showForecast(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      devices: { type: 'string' },
      'failure-rate': { type: 'string' },
      'reject-rate': { type: 'string' },
      'timeout-rate': { type: 'string' },
      latency: { type: 'string' },
      offline: { type: 'string' },
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new Fault('Usage', 'one file is expected');
  const simulation = simulate({
    config: readRequest(readText(file), file),
    devices: parseCount('devices', values.devices, 1, maxDevices),
    behaviour: parseBehaviour(values),
    seed: parseCount('seed', values.seed, 0, 0xffff_ffff),
    runs: parseCount('runs', values.runs, 1, maxRuns),
  });
  console.log(values.json ? JSON.stringify(simulation) : textOf(simulation));
}

/**
 * `fleet FILE.json`: connects the devices of a FleetSettings file and lets them work until it is told to stop or its parent is
 * gone. To its parent it says `ready` when all were answered, and answers `report` and `clear`.
 */
async function runFleet([file, ...more]: readonly string[]): Promise<void> {
  if (file === undefined || more.length > 0) throw new Fault('Usage', 'one file of fleet settings is expected');
  const settings: FleetSettings = JSON.parse(readText(file));
  const fleet = startFleet(settings, { clock: systemClock, timers: systemTimers });
  const alive = setInterval(() => {}, 60_000);
  const stop = () => {
    clearInterval(alive);
    fleet.stop();
    if (process.connected) process.disconnect();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(signal, stop);
  const answer = (kind: string) =>
    process.send?.({ kind, report: fleet.report(), cpu: process.cpuUsage(), memory: process.memoryUsage.rss() });
  process.on('message', (asked) => {
    if (asked === 'clear') fleet.clear();
    answer('report');
  });
  await fleet.up;
  const { connected, connectsRefused } = fleet.report();
  console.log(`${connected} of ${settings.devices.length} devices are connected, ${connectsRefused} were refused`);
  answer('ready');
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Fault('Usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function parseCount(option: string, text: string | undefined, min: number, max: number): number {
  const count = /^\d{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (count >= min && count <= max) return count;
  throw new Fault('Usage', `--${option}: a number from ${min} to ${max} is expected`);
}

/** Ours, and what `parseArgs` throws of an option that there is not. */
function isWrongUsage(error: unknown): boolean {
  if (error instanceof Fault) return error.code === 'Usage';
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
