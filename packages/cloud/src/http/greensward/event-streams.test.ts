import { Readable } from 'node:stream';
import { silentLog } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import type { HistoryUseCases } from '../../app/app.ts';
import type { LoggedEvent } from '../../domain/history/event.ts';
import type { Answer, Arrival, Call, Route } from '../exchange.ts';
import { restJsonErrors } from '../wire/rest-json.ts';
import { createEventStreams } from './event-streams.ts';

const event = (sequence: number): LoggedEvent => ({
  sequence,
  at: 1,
  subject: 'job',
  deploymentId: 'd',
  jobId: 'j',
  to: 'IN_PROGRESS',
});

/** A log of so many events, that counts how often it is read; nothing is told unless `tell` is called. */
function aLog(length: number) {
  const log = { length, looks: 0, tell: () => {} };
  const never = () => Promise.reject(new Error('not asked'));
  const history: HistoryUseCases = {
    async events(_filter, after, limit) {
      log.looks += 1;
      const events = Array.from({ length: Math.min(limit, log.length - after) }, (_, index) =>
        event(after + 1 + index),
      );
      return { events, more: after + limit < log.length };
    },
    head: async () => log.length,
    onChange(listener) {
      log.tell = listener;
      return () => {};
    },
    rollout: never,
    failures: never,
    audit: never,
  };
  return { log, history };
}

const route: Route = {
  service: 'greensward',
  operation: 'ListEvents',
  errors: restJsonErrors({ errors: new Map() }),
  access: 'signed',
  body: 'whole',
  maxBytes: 0,
  parse: () => ({}),
  handle: () => Promise.reject(new Error('not asked')),
  serialize: () => ({ status: 500, headers: {} }),
};

const arrival: Arrival = {
  method: 'GET',
  path: '/greensward/v1/events',
  query: '',
  headers: { accept: 'text/event-stream' },
  body: Readable.from([]),
  certificate: undefined,
  address: '',
};

/** Timers of which only the test says when they are over. */
function handTimers() {
  const due = new Set<() => void>();
  return {
    due,
    monotonic: () => 0,
    after(_ms: number, task: () => void) {
      due.add(task);
      return () => void due.delete(task);
    },
  };
}

async function open(length: number, input: object) {
  const { log, history } = aLog(length);
  const timers = handTimers();
  const streams = createEventStreams({ history, timers, log: silentLog });
  const stream = streams.over(route, arrival);
  // Of the call nothing is used.
  const answer: Answer | undefined = stream?.serialize(await stream.handle(input, Object.create(null) as Call));
  const body = answer?.body;
  if (body === undefined || body instanceof Uint8Array) throw new Error('no stream');
  return { log, timers, streams, reader: body[Symbol.asyncIterator]() };
}

const text = ({ value }: IteratorResult<Uint8Array, unknown>) =>
  Buffer.from(value instanceof Uint8Array ? value : []).toString();

describe('a stream of events', () => {
  test('reads the log no faster than its client, whatever it is told', async () => {
    const { log, reader } = await open(1000, { after: 0 });
    for (let told = 0; told < 50; told += 1) log.tell();
    expect(log.looks).toBe(1);
    const first = text(await reader.next());
    expect(first.match(/^id: /gm)).toHaveLength(100);
    expect(log.looks).toBe(1);
    let seen = 100;
    while (seen < 1000) seen += text(await reader.next()).match(/^id: /gm)?.length ?? 0;
    expect([seen, log.looks]).toEqual([1000, 10]);
  });

  test('that was told of something while it looked looks again', async () => {
    const { log, timers, reader } = await open(0, { after: 0 });
    await reader.next();
    const next = reader.next();
    log.length = 1;
    log.tell();
    for (let turn = 0; timers.due.size === 0 && turn < 100; turn += 1) await Promise.resolve();
    for (const over of [...timers.due]) over();
    for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
    for (const over of [...timers.due]) over();
    expect(text(await next)).toMatch(/^id: 1$/m);
  });

  test('says that it is there when nothing happens', async () => {
    const { timers, reader } = await open(0, { after: 0 });
    await reader.next();
    const next = reader.next();
    for (let turn = 0; timers.due.size === 0 && turn < 100; turn += 1) await Promise.resolve();
    for (const over of [...timers.due]) over();
    expect(text(await next)).toBe(': still here\n\n');
  });

  test('that waits is over at once when its client leaves, or the cloud stops', async () => {
    for (const end of ['client', 'cloud'] as const) {
      const { streams, timers, reader } = await open(0, { after: 0 });
      await reader.next();
      const next = reader.next();
      for (let turn = 0; timers.due.size === 0 && turn < 100; turn += 1) await Promise.resolve();
      if (end === 'client') await reader.return?.();
      else streams.close();
      expect(await next).toMatchObject({ done: true });
      expect(timers.due.size).toBe(0);
    }
  });
});
