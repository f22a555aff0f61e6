import { expect, test } from 'vitest';
import { afterConnection, freshPace, reconnectDelay } from './reconnect-pace.ts';

/** The longest waits after each of these connections; a number is how long one was usable, in ms. */
function waits(connections: readonly (number | undefined)[]): number[] {
  let history = freshPace;
  return connections.map((usableMs) => {
    history = afterConnection(history, usableMs);
    return reconnectDelay(history, 0.999999);
  });
}

test('the first failure is retried within a quarter of a second, then from 1 s doubling to 120 s', () => {
  const failures = Array.from({ length: 10 }, () => undefined);
  expect(waits(failures)).toEqual([250, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000]);
});

test('a connection that held makes the next retry fast again', () => {
  expect(waits([undefined, undefined, undefined, 30_000])).toEqual([250, 1000, 2000, 250]);
});

test('a cloud that drops every connection is met every half minute, not in a tight loop, nor left alone for long', () => {
  expect(waits([5, 5, 5, 5, 5, 5, 5, 5, 5])).toEqual([250, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000]);
});

test('a fleet that loses its cloud at one moment does not come back at one moment', () => {
  const waitsOf = (chance: number) => reconnectDelay({ failed: 5, shortLived: 0 }, chance);
  expect(waitsOf(0.999999) - waitsOf(0)).toBeGreaterThan(3900);
});

test('no wait is near zero', () => {
  expect(reconnectDelay(freshPace, 0)).toBe(125);
  expect(reconnectDelay({ failed: 3, shortLived: 0 }, 0)).toBe(1000);
});
