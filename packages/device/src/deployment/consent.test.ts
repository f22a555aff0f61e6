import { silentLog } from '@greensward/kit';
import { HandTimers } from '@greensward/testkit/hand-timers';
import { describe, expect, test } from 'vitest';
import { awaitConsent } from './consent.ts';
import { AskedComponents } from './testing/subscribers.ts';
import { deployed, document, type TestDevice } from './testing/test-device.ts';

const event = { deploymentId: 'd', isGgcRestarting: false };

class Bench {
  readonly timers = new HandTimers();
  readonly abort = new AbortController();
  /** When it went, or failed, in ms. */
  wentAt: number | undefined;
  failure: unknown;

  constructor(subscribers: AskedComponents, limitMs = 1e9) {
    const deps = { subscribers, timers: this.timers, log: silentLog, limitMs };
    awaitConsent(event, 60_000, deps, this.abort.signal).then(
      () => {
        this.wentAt = this.timers.monotonic();
      },
      (error: unknown) => {
        this.failure = error;
      },
    );
  }

  async pass(ms: number): Promise<void> {
    await this.timers.pass(ms);
  }
}

describe('an update', () => {
  test('goes at once when nobody subscribed, and asks nobody', async () => {
    const components = new AskedComponents();
    const bench = new Bench(components);
    await bench.pass(0);
    expect([bench.wentAt, components.asked.length]).toEqual([0, 0]);
  });

  test('goes when all have agreed, and waits for a silent one as long as the policy says', async () => {
    const components = new AskedComponents('a', 'b');
    const bench = new Bench(components);
    await bench.pass(5_000);
    components.answer('a', 0);
    await bench.pass(54_999);
    expect(bench.wentAt).toBeUndefined();
    await bench.pass(1);
    expect(bench.wentAt).toBe(60_000);
    const quick = new AskedComponents('a', 'b');
    quick.onAsk = (answer) => ['a', 'b'].map((name) => answer(name, 0));
    const second = new Bench(quick);
    await second.pass(0);
    expect(second.wentAt).toBe(0);
  });

  test('case 97: waits for the longest deferral, then asks all again', async () => {
    const components = new AskedComponents('a', 'b');
    const bench = new Bench(components);
    components.answer('a', 60_000);
    components.answer('b', 20_000);
    await bench.pass(59_999);
    expect(components.asked.length).toBe(1);
    await bench.pass(1);
    expect(components.asked).toEqual([event, event]);
    components.answer('a', 0);
    components.answer('b', 0);
    await bench.pass(0);
    expect(bench.wentAt).toBe(60_000);
  });

  test('case 99: hears no answer outside of the time for it', async () => {
    const components = new AskedComponents('a', 'b');
    const bench = new Bench(components);
    components.answer('a', 0);
    await bench.pass(60_000);
    expect(bench.wentAt).toBe(60_000);
    expect(components.answer('b', 1000)).toBe(false);
  });

  test('does not wait for one that went away', async () => {
    const components = new AskedComponents('a');
    const bench = new Bench(components);
    await bench.pass(2_000);
    components.subscribed = [];
    await bench.pass(1_000);
    expect(bench.wentAt).toBe(3_000);
  });

  test('that is deferred for ever fails at the limit, naming who deferred it', async () => {
    const components = new AskedComponents('a');
    components.onAsk = (answer) => answer('a', 40_000);
    const bench = new Bench(components, 100_000);
    await bench.pass(99_999);
    expect([bench.wentAt, bench.failure]).toEqual([undefined, undefined]);
    await bench.pass(1);
    expect(bench.failure).toMatchObject({
      code: 'COMPONENT_UPDATE_ERROR',
      message: expect.stringContaining('a still'),
    });
  });

  test('ends with the reason of an abort, while it asks and while it is deferred', async () => {
    for (const ms of [0, 60_000]) {
      const components = new AskedComponents('a', 'b');
      const bench = new Bench(components);
      components.answer('a', 3_600_000);
      await bench.pass(ms);
      bench.abort.abort(new Error('stop'));
      await bench.pass(0);
      expect(bench.failure).toMatchObject({ message: 'stop' });
    }
  });
});

describe('a deployment', () => {
  const first = document('line', 1, { App: '1.0.0' });
  const second = document('line', 2, { App: '2.0.0' });

  async function subscribed(...names: string[]): Promise<{ device: TestDevice; components: AskedComponents }> {
    const device = await deployed((it) => it.job('j1', 1, first));
    const components = new AskedComponents(...names);
    device.updates = components;
    device.start();
    return { device, components };
  }

  test('asks before it changes anything, and tells when it is over', async () => {
    const { device, components } = await subscribed('App');
    device.job('j2', 2, second);
    await device.rest();
    expect(components.asked).toEqual([{ deploymentId: 'd-line-2', isGgcRestarting: false }]);
    expect(device.set()).toMatchObject({ App: '1.0.0' });
    expect(components.done).toEqual([]);
    components.answer('App', 0);
    await device.rest();
    expect(device.set()).toMatchObject({ App: '2.0.0' });
    expect(components.done).toEqual(['d-line-2']);
    await device.off();
  });

  test('says that the runtime will start again when a component bootstraps', async () => {
    const { device, components } = await subscribed('App');
    device.lifecycles.set('App@2.0.0', { Bootstrap: 'x', Run: 'run' });
    device.job('j2', 2, second);
    await device.rest();
    expect(components.asked[0]?.isGgcRestarting).toBe(true);
    await device.off();
  });

  test('case 97: that is cancelled while a component defers it changes nothing, and tells those it had asked', async () => {
    const { device, components } = await subscribed('App');
    device.job('j2', 2, second);
    await device.rest();
    components.answer('App', 3_600_000);
    await device.rest();
    device.noJob();
    await device.rest();
    expect(device.set()).toMatchObject({ App: '1.0.0' });
    expect(components.done).toEqual(['d-line-2']);
    expect(device.store.openDeployments()).toEqual([]);
    await device.off();
  });

  test('case 98: with SKIP_NOTIFY_COMPONENTS asks nobody and tells nobody', async () => {
    const { device, components } = await subscribed('App');
    const componentUpdatePolicy = { action: 'SKIP_NOTIFY_COMPONENTS', timeout: 60 };
    device.job('j2', 2, document('line', 2, { App: '2.0.0' }, { componentUpdatePolicy }));
    await device.rest();
    expect(device.set()).toMatchObject({ App: '2.0.0' });
    expect([components.asked, components.done]).toEqual([[], []]);
    await device.off();
  });

  test('whose runtime stops while it is deferred asks again after the start', async () => {
    const { device, components } = await subscribed('App');
    device.job('j2', 2, second);
    await device.rest();
    components.answer('App', 3_600_000);
    await device.rest();
    await device.off();
    device.start();
    await device.rest();
    expect(components.asked.length).toBe(2);
    components.answer('App', 0);
    await device.rest();
    expect(device.set()).toMatchObject({ App: '2.0.0' });
    await device.off();
  });
});
