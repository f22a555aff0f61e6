import { expect, test } from 'vitest';
import { randomKills } from './random-kills.ts';

test('a fleet whose cloud and devices are killed at random moments comes to rest on the latest deployment', {
  timeout: 600_000, // A limit for a wedged fleet: eight kills take 40 s alone, and minutes on a machine that does much else.
}, async () => {
  const seed = Number(process.env['GREENSWARD_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  const report = await randomKills(8, seed, () => {}).catch((cause: unknown) => {
    throw new Error(`seed ${seed} fails: npm run kills -- --kills 8 --seed ${seed}`, { cause });
  });
  expect(report.acknowledged).toBeGreaterThan(0);
});
