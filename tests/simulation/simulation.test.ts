import { join } from 'node:path';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { expect, test } from 'vitest';
import { SimulatedDatabase } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import type { Sight } from './observer.ts';
import { runSeed } from './run-seed.ts';
import { describeFailure, describeSights, range, runSeeds } from './run-seeds.ts';

/** Also where `npm run plant-bugs` looks for what finds its bugs. */
const seeds = range(1, 2000);
const wanted: readonly Sight[] = [
  'abort',
  'timeout',
  'kill inside a transaction',
  'kill after a commit',
  'loss',
  'duplicate',
  'reordering',
  'superseding',
  'cancel',
  'join',
  'leave',
  'deletion',
  'month offline',
  'again',
  'retry',
  'rate',
  'two replicas',
];

test('the same seed gives the same trace, whatever was run before it', async () => {
  const hashes = async (order: readonly number[]) => {
    const folder = temporaryFolder();
    const database = await SimulatedDatabase.open(join(folder.path, 'simulated.db'));
    const found = new Map<number, string>();
    for (const seed of order) found.set(seed, (await runSeed(seed, database)).hash);
    await database.close();
    folder.remove();
    return found;
  };
  const order = [...range(1, 12)];
  const first = await hashes(order);
  expect(await hashes(order.toReversed())).toEqual(first);
  expect(new Set(first.values()).size).toBe(12);
});

test('a seed that broke a rule says which, and how to run it again', () => {
  const failure = {
    message: 'two live executions at once',
    tail: ['00:00:01.000  deploy to fleet', '00:00:02.000  core-1 restarts'],
  };
  expect(describeFailure({ seed: 4711, hash: '', lines: 10, sights: {}, failure }, 1).split('\n')).toEqual([
    'seed 4711: two live executions at once',
    '... 9 lines before',
    '00:00:02.000  core-1 restarts',
    'again: npm run simulate -- --seed 4711',
  ]);
});

test('whatever the fleet, the network and the machine do, a rollout keeps its rules', {
  timeout: 900_000,
}, async () => {
  const summary = await runSeeds(seeds, { threads: 2, enough: ({ failures }) => failures.length > 0 });
  expect(summary.failures.map((report) => describeFailure(report))).toEqual([]);
  console.log(describeSights(summary));
  for (const sight of wanted) expect([sight, summary.sights.get(sight) ?? 0]).not.toEqual([sight, 0]);
});
