// `npm run simulate -- --hours 1 | --seed N | --seeds A..B`: runs seeds of the simulation (tests/simulation), and shows what broke a rule.
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { firstMixedSeed } from '../tests/simulation/run-seed.ts';
import { describeFailure, describeSights, range, runSeeds } from '../tests/simulation/run-seeds.ts';

const usage = 'npm run simulate -- --hours H | --seed N | --seeds A..B';
const { values } = parseArgs({
  options: { hours: { type: 'string' }, seed: { type: 'string' }, seeds: { type: 'string' } },
});
const [first, last] = (values.seeds ?? `${values.seed}..${values.seed}`).split('..').map(Number);
const hours = Number(values.hours ?? 1);
const given = values.seed ?? values.seeds;
if (given !== undefined && !(Number.isSafeInteger(first) && Number.isSafeInteger(last))) {
  console.error(`a seed is a whole number: ${given}\n${usage}`);
  process.exit(2);
}
if (!(hours > 0)) {
  console.error(`--hours must be a number above 0: ${values.hours}\n${usage}`);
  process.exit(2);
}

/** New ones each time. */
function* newSeeds(): Generator<number, undefined> {
  const from = firstMixedSeed + Math.floor(Math.random() * 1e9) * 1000;
  console.log(`seeds from ${from}`);
  for (let seed = from; ; seed += 1) yield seed;
}

const end = performance.now() + hours * 3_600_000;
const sayEveryMs = 60_000;
let sayAt = performance.now() + sayEveryMs;
const summary = await runSeeds(given === undefined ? newSeeds() : range(first ?? 0, last ?? 0), {
  threads: values.seed === undefined ? availableParallelism() : 1,
  enough: ({ seeds, failures }) => {
    const now = performance.now();
    if (now > sayAt) {
      console.log(`${seeds} seeds so far`);
      sayAt = now + sayEveryMs;
    }
    return failures.length > 0 || (given === undefined && now > end);
  },
});
for (const report of summary.failures) console.log(describeFailure(report, values.seed === undefined ? 60 : 400));
console.log(describeSights(summary));
process.exitCode = summary.failures.length > 0 ? 1 : 0;
