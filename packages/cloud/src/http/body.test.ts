import type { Timers } from '@greensward/kit';
import { expect, test } from 'vitest';
import { readWhole } from './body.ts';

/** Timers whose one timer is fired by hand. */
function handTimers(): Timers & { fire(): void; readonly running: boolean } {
  let pending: (() => void) | undefined;
  return {
    after(_ms, task) {
      pending = task;
      return () => {
        pending = undefined;
      };
    },
    monotonic: () => 0,
    fire: () => pending?.(),
    get running() {
      return pending !== undefined;
    },
  };
}

async function* parts(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const limits = { maxBytes: 10, maxMs: 120_000 };

test('the parts of a body are joined, and no timer stays', async () => {
  const timers = handTimers();
  expect(Buffer.from(await readWhole(parts('ab', 'cd'), '4', limits, timers)).toString()).toBe('abcd');
  expect(timers.running).toBe(false);
});

test.each([
  ['said to be', parts(), '11'],
  ['found to be', parts('12345678901'), undefined],
])('a body that is %s larger than allowed is refused', async (_how, body, declared) => {
  await expect(readWhole(body, declared, limits, handTimers())).rejects.toMatchObject({
    code: 'RequestEntityTooLargeException',
  });
});

test('a body that does not come is given up', async () => {
  const timers = handTimers();
  async function* stalled(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a');
    await new Promise(() => {});
  }
  const read = readWhole(stalled(), undefined, limits, timers);
  timers.fire();
  await expect(read).rejects.toMatchObject({
    code: 'RequestTimeoutException',
    message: 'The request body did not arrive within 120 seconds',
  });
});
