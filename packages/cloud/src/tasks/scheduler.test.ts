import { silentLog } from '@greensward/kit';
import { expect, test } from 'vitest';
import { createScheduler, type Task } from './scheduler.ts';

/** Timers that fire when the test says so, over one clock for both. */
function testTime() {
  let now = 0;
  let waiting: { at: number; task: () => void }[] = [];
  return {
    clock: { now: () => now },
    timers: {
      monotonic: () => now,
      after(ms: number, task: () => void) {
        const entry = { at: now + ms, task };
        waiting.push(entry);
        return () => {
          waiting = waiting.filter((other) => other !== entry);
        };
      },
    },
    next: () => waiting.map(({ at }) => at - now),
    async advance(ms: number) {
      now += ms;
      const due = waiting.filter(({ at }) => at <= now);
      waiting = waiting.filter(({ at }) => at > now);
      for (const { task } of due) task();
      await settle();
    },
  };
}

async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function start(tick: Task['tick']) {
  const time = testTime();
  const scheduler = createScheduler(
    { name: 'test', tick, maxIdleMs: 1000 },
    { ...time, log: silentLog, chance: () => 0 },
  );
  return { time, scheduler };
}

test('ticks at the start, at the time it asked for, and at the latest after its idle time', async () => {
  let ticks = 0;
  const { time } = start(async () => ({ ...(++ticks === 1 ? { nextAt: 300 } : {}) }));
  await settle();
  expect(time.next()).toEqual([300]);
  await time.advance(300);
  expect(ticks).toBe(2);
  expect(time.next()).toEqual([1000]);
});

test('a signal during a tick makes one more follow, never two at once', async () => {
  let running = 0;
  let ticks = 0;
  const gates: (() => void)[] = [];
  const { time, scheduler } = start(async () => {
    expect(++running).toBe(1);
    ticks++;
    await new Promise<void>((resolve) => gates.push(resolve));
    running--;
    return {};
  });
  scheduler.signal();
  scheduler.signal();
  gates.shift()?.();
  await settle();
  await time.advance(25);
  expect(ticks).toBe(2);
  gates.shift()?.();
  await settle();
  expect(time.next()).toEqual([1000]);
});

test('a tick that throws is tried again, later each time, and signals do not hurry it', async () => {
  let ticks = 0;
  const { time, scheduler } = start(async () => {
    ticks++;
    throw new Error('broken');
  });
  await settle();
  expect(time.next()).toEqual([250]);
  scheduler.signal();
  await settle();
  expect(ticks).toBe(1);
  await time.advance(250);
  expect(time.next()).toEqual([500]);
});

test('after stop no tick starts, and stop waits for the running one', async () => {
  let finish = () => {};
  let done = false;
  const { time, scheduler } = start(async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    done = true;
    return {};
  });
  const stopped = scheduler.stop();
  finish();
  await stopped;
  expect(done).toBe(true);
  scheduler.signal();
  await settle();
  expect(time.next()).toEqual([]);
});
