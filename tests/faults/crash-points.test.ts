import { expect, test } from 'vitest';
import { durability, visitCrashPoints } from './crash/crash-points.ts';

test('a deployment that a kill or a power cut interrupts anywhere comes to its one right end, told once, with no other process alive', {
  timeout: 300_000,
}, async () => {
  // The same in each run, so that what fails is what was changed; `npm run crash-points` draws new ones.
  const seed = Number(process.env['GREENSWARD_SEED'] ?? 1);
  const options = { seed, all: false, devices: 8, drawn: 3, relays: 1, say: () => {} };
  const report = await visitCrashPoints(options).catch((cause: unknown) => {
    throw new Error(`seed ${seed} fails: npm run crash-points -- --drawn 3 --relays 1 --seed ${seed}`, { cause });
  });
  expect(report.tornLogs).toBeGreaterThan(100);
  expect(report.kills).toBeGreaterThan(30);
  expect(report.cuts).toBeGreaterThan(30);
});

test('a set is replaced only when all its files are durable, and no sync can be left out', async () => {
  const [asItIs, ...without] = await durability();
  expect(asItIs).toEqual({ as: 'it is', missing: [] });
  expect(without.length).toBeGreaterThan(20);
  // Each by its name, should one be for nothing.
  expect(without.filter(({ missing }) => missing.length === 0)).toEqual([]);
});
