import type { JsonObject } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { hard, LifecycleBench, spec } from './lifecycle-bench.ts';

/** Two components whose Shutdown never ends; `top` depends on `base`. */
async function stubborn(): Promise<LifecycleBench> {
  const bench = new LifecycleBench();
  for (const script of ['serve', 'hang']) bench.platform.scripts.set(script, () => {});
  const lifecycle = { Run: 'serve', Shutdown: { Script: 'hang', Timeout: 3600 }, Uninstall: 'hang' };
  await bench.apply(spec('base', lifecycle), spec('top', lifecycle, hard('base')));
  return bench;
}

describe('what does not stop', () => {
  test('is killed at the limit of a stop, without further scripts, and what it depends on at once after it', async () => {
    const bench = await stubborn();
    let over = false;
    void bench.lifecycle.stop(30_000).then(() => {
      over = true;
    });
    await bench.timers.pass(29_999);
    expect([over, bench.platform.alive('hang').length, bench.platform.alive('serve').length]).toEqual([false, 1, 2]);
    await bench.timers.pass(1);
    expect([over, bench.platform.alive().length]).toEqual([true, 0]);
    expect(bench.platform.started().filter((script) => script === 'hang').length).toBe(1);
  });

  test('is waited for without a limit', async () => {
    const bench = await stubborn();
    let over = false;
    void bench.lifecycle.stop().then(() => {
      over = true;
    });
    await bench.timers.pass(3_599_999);
    expect(over).toBe(false);
    await bench.timers.pass(3_600_001);
    expect([over, bench.platform.alive().length]).toEqual([true, 0]);
  });

  test('is killed and forgotten at the limit of a removal, Uninstall and all', async () => {
    const bench = await stubborn();
    let over = false;
    void bench.lifecycle.prune(new Set(), 600_000).then(() => {
      over = true;
    });
    await bench.timers.pass(600_000);
    expect([over, bench.platform.alive().length, bench.lifecycle.statuses()]).toEqual([true, 0, []]);
    expect(bench.platform.started().filter((script) => script === 'hang').length).toBe(1);
  });
});

test('case 19: a runtime that is told twice to stop stops its components once', async () => {
  const bench = new LifecycleBench();
  bench.platform.scripts.set('serve', () => {});
  await bench.apply(spec('a', { Run: 'serve', Shutdown: 'down' }));
  const [first, second] = [bench.lifecycle.stop(), bench.lifecycle.stop(1000)];
  await Promise.all([first, second]);
  expect(bench.platform.started().filter((script) => script === 'down').length).toBe(1);
});

describe('a bootstrap step', () => {
  const never = new AbortController().signal;
  const step = (Bootstrap: JsonObject | string) => spec('a', { Setenv: { A: '1' }, Bootstrap }, { user: 'one' });

  test.each([
    [0, { kind: 'done' }],
    [100, { kind: 'restart' }],
    [101, { kind: 'reboot' }],
    [1, { kind: 'failed', failure: { code: 'BOOTSTRAP_ERROR', reason: expect.stringContaining('code 1') } }],
  ])('that exits with %i is %j', async (code, outcome) => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('prepare', (run) => run.exit(code));
    await expect(bench.lifecycle.bootstrap(step('prepare'), never)).resolves.toEqual(outcome);
    expect(bench.platform.runs[0]?.command).toMatchObject({ user: 'one', env: { A: '1' }, cwd: '/work-folder/a' });
    expect(bench.living).toBe(0);
  });

  test('is done without a process when it is absent, null or skipped', async () => {
    const bench = new LifecycleBench();
    bench.platform.files.add('/there');
    for (const lifecycle of [{}, { Bootstrap: null }, { Bootstrap: { Script: 'x', Skipif: 'exists /there' } }]) {
      await expect(bench.lifecycle.bootstrap(spec('a', lifecycle), never)).resolves.toEqual({ kind: 'done' });
    }
    expect(bench.platform.runs).toEqual([]);
  });

  test('with RequiresPrivilege runs as the runtime; a malformed one fails', async () => {
    const bench = new LifecycleBench();
    await bench.lifecycle.bootstrap(step({ Script: 'x', RequiresPrivilege: true }), never);
    expect(bench.platform.runs[0]?.command).not.toHaveProperty('user');
    await expect(bench.lifecycle.bootstrap(step({ Script: 'x', Skipif: 'perhaps' }), never)).resolves.toMatchObject({
      failure: { code: 'BOOTSTRAP_CONFIG_NOT_VALID' },
    });
  });

  test('over its time is ended with what it started, and so is one that is given up', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('hang', () => {});
    const late = bench.lifecycle.bootstrap(step({ Script: 'hang', Timeout: 900 }), never);
    await bench.timers.pass(899_999);
    expect([bench.platform.alive().length, bench.living]).toEqual([1, 1]);
    await bench.timers.pass(1);
    await expect(late).resolves.toMatchObject({ failure: { code: 'BOOTSTRAP_TIMEOUT' } });
    const abort = new AbortController();
    const given = bench.lifecycle.bootstrap(step('hang'), abort.signal);
    await bench.timers.pass(0);
    abort.abort(new Error('the runtime stops'));
    await expect(given).rejects.toThrow('the runtime stops');
    expect([bench.platform.alive().length, bench.living]).toEqual([0, 0]);
  });

  test('runs in a lifecycle that has stopped', async () => {
    const bench = new LifecycleBench();
    await bench.lifecycle.stop();
    await expect(bench.lifecycle.bootstrap(step('prepare'), never)).resolves.toEqual({ kind: 'done' });
  });
});
