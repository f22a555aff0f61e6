import { expect, test } from 'vitest';
import { noJobsSeen, seeJob } from './job-dedupe.ts';

/** Which of the deliveries are new. */
function news(deliveries: readonly (readonly [jobId: string, queuedAt: number])[]): boolean[] {
  let seen = noJobsSeen;
  return deliveries.map(([jobId, queuedAt]) => {
    const next = seeJob(seen, jobId, queuedAt);
    seen = next ?? seen;
    return next !== undefined;
  });
}

test('a job is new once, however often it is delivered', () => {
  expect(
    news([
      ['a', 1],
      ['a', 1],
      ['a', 1],
    ]),
  ).toEqual([true, false, false]);
});

test('jobs of one second are told apart by id, older ones are ignored, a later execution of an id is new', () => {
  const deliveries = [
    ['a', 5],
    ['b', 5],
    ['a', 5],
    ['c', 4],
    ['a', 6],
    ['b', 5],
    ['b', 6],
  ] as const;
  expect(news(deliveries)).toEqual([true, true, false, false, true, false, true]);
});
