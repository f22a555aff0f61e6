import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';

test('what was added comes out by time, and in the order it was added at one time', () => {
  const times = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 });
  fc.assert(
    fc.property(times, (added) => {
      const queue = new EventQueue();
      added.forEach((time, index) => {
        queue.add(time, index);
      });
      const taken: number[] = [];
      for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next);
      const sorted = added.map((time, index) => [time, index] as const).sort(([a, i], [b, j]) => a - b || i - j);
      expect(taken).toEqual(sorted.map(([, index]) => index));
    }),
  );
});
