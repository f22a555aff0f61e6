import { type Log, silentLog } from '@greensward/kit';
import { expect, test } from 'vitest';
import { createBus } from './bus.ts';

test('an event reaches every listener, in order, until it unsubscribes', () => {
  const bus = createBus(silentLog);
  const heard: string[] = [];
  const first = bus.subscribe((event) => heard.push(`first ${event.kind}`));
  bus.subscribe((event) => heard.push(`second ${event.kind}`));
  bus.publish({ kind: 'rollout' });
  first();
  first();
  bus.publish({ kind: 'rollout' });
  expect(heard).toEqual(['first rollout', 'second rollout', 'second rollout']);
});

test('a listener that throws is logged and harms no other', () => {
  const errors: unknown[] = [];
  const log: Log = { ...silentLog, error: (_message, fields) => errors.push(fields) };
  const bus = createBus(log);
  const heard: string[] = [];
  bus.subscribe(() => {
    throw new Error('broken');
  });
  bus.subscribe((event) => heard.push(event.kind));
  bus.publish({ kind: 'rollout' });
  expect(heard).toEqual(['rollout']);
  expect(errors).toEqual([{ event: 'rollout', error: 'broken' }]);
});

test('a listener that unsubscribes while it hears harms no other', () => {
  const bus = createBus(silentLog);
  const heard: string[] = [];
  const stop = bus.subscribe(() => stop());
  bus.subscribe((event) => heard.push(event.kind));
  bus.publish({ kind: 'rollout' });
  expect(heard).toEqual(['rollout']);
});
