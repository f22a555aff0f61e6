import { silentLog } from '@greensward/kit';
import { HandTimers } from '@greensward/testkit/hand-timers';
import { beforeEach, describe, expect, test } from 'vitest';
import { CredentialSource, type ProviderAnswer, standardErrorTimes } from './credential-source.ts';

const cloudNow = Date.UTC(2026, 0, 1);
const minute = 60_000;

let timers: HandTimers;
let wall: number;
let answers: (ProviderAnswer | Error)[];
let asked: number;
let source: CredentialSource;

beforeEach(() => {
  timers = new HandTimers();
  wall = cloudNow;
  answers = [];
  asked = 0;
  source = new CredentialSource({
    ask: async () => {
      asked += 1;
      const answer = answers.shift() ?? new Error('no network');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    times: () => standardErrorTimes,
    clock: { now: () => wall },
    timers,
    log: silentLog,
  });
});

/** Credentials that end an hour after the cloud's present. */
function given(id: string, at = cloudNow + timers.monotonic()): ProviderAnswer {
  const expiration = new Date(at + 60 * minute).toISOString();
  return {
    status: 200,
    credentials: { accessKeyId: id, secretAccessKey: 's', sessionToken: 't', expiration },
    date: at,
  };
}
const refused = (status: number): ProviderAnswer => ({ status, message: `HTTP ${status}` });

/** The key that is given now, or the status of the refusal. */
async function ask(): Promise<string | number> {
  const answering = source.get();
  await timers.pass(1000);
  const answer = await answering;
  return 'credentials' in answer ? answer.credentials.accessKeyId : answer.status;
}

describe('credentials', () => {
  test('are asked for once, by however many', async () => {
    answers = [given('one')];
    const all = await Promise.all([source.get(), source.get(), source.get()]);
    expect(all.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(await ask()).toBe('one');
    expect(asked).toBe(1);
  });

  test('are renewed five minutes before their end, before anyone waits for them', async () => {
    answers = [given('one')];
    await ask();
    await timers.pass(53 * minute);
    answers = [given('two', cloudNow + 55 * minute)];
    expect(asked).toBe(1);
    await timers.pass(2 * minute);
    expect(asked).toBe(2);
    expect(await ask()).toBe('two');
    expect(asked).toBe(2);
  });

  test('are given to their very end while the cloud gives no new ones, and not after it', async () => {
    answers = [given('one')];
    await ask();
    await timers.pass(56 * minute);
    expect(asked).toBeGreaterThan(1);
    expect(await ask()).toBe('one');
    await timers.pass(5 * minute);
    expect(await ask()).toBe(0);
  });

  test.each([
    ['ahead', 1],
    ['behind', -1],
  ])('last as long as the cloud says on a machine whose clock is ten years %s', async (_what, sign) => {
    wall = cloudNow + sign * 3650 * 1440 * minute;
    answers = [given('one')];
    expect(await ask()).toBe('one');
    wall -= sign * 7300 * 1440 * minute;
    await timers.pass(50 * minute);
    expect(await ask()).toBe('one');
    expect(asked).toBe(1);
  });

  test('that end at once are not kept', async () => {
    answers = [given('one', cloudNow - 61 * minute), given('two')];
    const first = answers[0];
    if (first !== undefined && 'date' in first) answers[0] = { ...first, date: cloudNow };
    expect(await ask()).toBe('one');
    expect(await ask()).toBe('two');
  });
});

describe('a refusal', () => {
  test.each([
    [403, 120, 1],
    [404, 120, 1],
    [500, 60, 3],
    [302, 300, 1],
  ])('with status %d is given again for %d seconds', async (status, seconds, attempts) => {
    answers = Array.from({ length: attempts }, () => refused(status));
    expect(await ask()).toBe(status);
    expect(asked).toBe(attempts);
    await timers.pass((seconds - 2) * 1000);
    expect(await ask()).toBe(status);
    expect(asked).toBe(attempts);
    await timers.pass(2000);
    answers = [given('one')];
    expect(await ask()).toBe('one');
  });

  test('of the service, or no answer, is tried three times at once', async () => {
    answers = [refused(503), new Error('reset'), given('one')];
    expect(await ask()).toBe('one');
    expect(asked).toBe(3);
  });

  test('is forgotten when the device is connected again, and everything when the role is another', async () => {
    expect(await ask()).toBe(0);
    source.forgetErrors();
    answers = [given('one')];
    expect(await ask()).toBe('one');
    source.forgetAll();
    answers = [given('two')];
    expect(await ask()).toBe('two');
  });
});

test('an answer about a role that is no longer configured is not kept', async () => {
  let answer: (given: ProviderAnswer) => void = () => {};
  const slow = new CredentialSource({
    ask: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
    times: () => standardErrorTimes,
    clock: { now: () => wall },
    timers,
    log: silentLog,
  });
  const old = slow.get();
  const answerOld = answer;
  slow.forgetAll();
  const asking = slow.get();
  answerOld(given('old'));
  await old;
  answer(given('new'));
  expect(await asking).toMatchObject({ credentials: { accessKeyId: 'new' } });
  expect(await slow.get()).toMatchObject({ credentials: { accessKeyId: 'new' } });
});
