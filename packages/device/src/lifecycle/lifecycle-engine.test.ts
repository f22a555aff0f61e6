import { Fault } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import type { FakeRun } from '../platform/fake/fake-platform.ts';
import { hard, LifecycleBench, spec } from './lifecycle-bench.ts';

const forever = () => {};
const never = new AbortController().signal;

/** A bench on which `serve` runs until it is stopped. */
function serving(): LifecycleBench {
  const bench = new LifecycleBench();
  for (const script of ['serve', 'serve a', 'serve b', 'serve c', 'serve 2'])
    bench.platform.scripts.set(script, forever);
  return bench;
}

describe('steps', () => {
  test('Install and Run are run in this order, with the environment of recipe and step, in the work folder', async () => {
    const bench = serving();
    const lifecycle = {
      Setenv: { A: 'recipe', B: 'recipe', C: 7 },
      install: { Script: 'prepare', setenv: { B: 'step' }, RequiresPrivilege: true },
      Run: 'serve',
    };
    await bench.apply(spec('a', lifecycle, { environment: { A: 'runtime', Z: 'runtime' }, user: 'someone' }));
    expect(bench.platform.started()).toEqual(['prepare', 'serve']);
    const [install, run] = bench.platform.runs;
    expect(install?.command.env).toEqual({ A: 'recipe', B: 'step', C: '7', Z: 'runtime' });
    expect(run?.command.env).toEqual({ A: 'recipe', B: 'recipe', C: '7', Z: 'runtime' });
    expect(install?.command).not.toHaveProperty('user');
    expect(run?.command).toMatchObject({ user: 'someone', cwd: '/work-folder/a', shell: 'sh' });
    expect(bench.states('a')).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('case 47: a Run that exits 0 finishes, and its Shutdown ran once', async () => {
    const bench = new LifecycleBench();
    await bench.apply(spec('a', { Run: 'once', Shutdown: 'clean' }));
    expect(bench.platform.started()).toEqual(['once', 'clean']);
    expect(bench.states('a')).toEqual(['INSTALLED', 'STARTING', 'RUNNING', 'STOPPING', 'FINISHED']);
    expect(bench.living).toBe(0);
  });

  test('a component without steps finishes', async () => {
    const bench = new LifecycleBench();
    await bench.apply(spec('a', {}));
    expect(bench.state('a')).toBe('FINISHED');
    expect(bench.platform.runs).toEqual([]);
  });

  test('a Startup is starting until it exits 0, and stays a member of the component', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Startup: 'serve', Run: 'other' }));
    expect(bench.state('a')).toBe('STARTING');
    await bench.exit('serve', 0);
    expect(bench.state('a')).toBe('RUNNING');
    expect(bench.platform.started()).toEqual(['serve']);
  });

  test('case 48: a Startup that its Skipif skips gives way to Run', async () => {
    const bench = serving();
    bench.platform.files.add('/root-folder/there');
    await bench.apply(spec('a', { Startup: { Script: 'no', Skipif: 'exists ~root/there' }, Run: 'serve' }));
    expect(bench.platform.started()).toEqual(['serve']);
  });

  test('case 31: Skipif asks for an executable, and can be turned round', async () => {
    const bench = serving();
    bench.platform.executables.set('git', '/bin/git');
    const install = (Skipif: string) => ({ Install: { Script: 'prepare', Skipif }, Run: 'serve' });
    await bench.apply(spec('a', install('onpath git')), spec('b', install('! onpath git')));
    expect(bench.platform.started().filter((script) => script === 'prepare')).toHaveLength(1);
  });

  test('case 31: a malformed Skipif breaks the component after three tries, with the code of its step', async () => {
    const bench = new LifecycleBench();
    await bench.apply(spec('a', { Install: { Script: 'prepare', Skipif: 'test -f x' } }), spec('b', { Run: {} }));
    expect(bench.lifecycle.statuses()).toMatchObject([
      { name: 'a', state: 'BROKEN', statusCodes: ['INSTALL_CONFIG_NOT_VALID'] },
      { name: 'b', state: 'BROKEN', statusCodes: ['RUN_CONFIG_NOT_VALID'] },
    ]);
    expect(bench.platform.runs).toEqual([]);
  });

  test('case 30: an Install over its time limit is ended and counts as an error', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('hang', forever);
    await bench.apply(spec('a', { Install: { Script: 'hang', Timeout: '5' } }));
    await bench.timers.pass(4_999);
    expect(bench.state('a')).toBe('NEW');
    await bench.timers.pass(10_001);
    expect(bench.lifecycle.statuses()).toMatchObject([{ state: 'BROKEN', statusCodes: ['INSTALL_TIMEOUT'] }]);
    expect(bench.platform.started()).toHaveLength(3);
    expect(bench.platform.alive()).toEqual([]);
  });

  test('case 30: a Startup over its 120 s is an error; one that became RUNNING is not', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Startup: 'serve' }), spec('b', { Startup: 'quick' }));
    await bench.timers.pass(120_000);
    expect(bench.states('a')).toContain('ERRORED');
    expect(bench.states('b')).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('a Run has no time limit unless it names one', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve a' }), spec('b', { Run: { Script: 'serve b', Timeout: 10 } }));
    await bench.timers.pass(10_000);
    expect(bench.states('b')).toContain('ERRORED');
    await bench.timers.pass(1e8);
    expect(bench.states('a')).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('case 29: a Shutdown over its 15 s is told as an error, and the processes are ended all the same', async () => {
    const bench = serving();
    bench.platform.scripts.set('slow', forever);
    await bench.apply(spec('a', { Run: 'serve', Shutdown: 'slow' }));
    const pruned = bench.lifecycle.prune(new Set());
    await bench.timers.pass(15_000);
    await pruned;
    expect(bench.states('a').slice(3)).toEqual(['STOPPING', 'ERRORED', 'FINISHED', 'UNINSTALLED']);
    expect(bench.platform.alive()).toEqual([]);
  });

  test('case 28: Recover runs between a crash and the next start, and may repair the cause', async () => {
    const bench = serving();
    bench.platform.scripts.set('serve', (run) => run.exit(1));
    bench.platform.scripts.set('repair', (run) => {
      bench.platform.scripts.set('serve', forever);
      run.exit(3);
    });
    await bench.apply(spec('a', { Run: 'serve', Recover: 'repair', Shutdown: 'clean' }));
    expect(bench.platform.started()).toEqual(['serve', 'repair', 'clean', 'serve']);
    expect(bench.state('a')).toBe('RUNNING');
  });

  test('case 28: a Recover that hangs is waited for 60 s each time, until the component is broken', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('bad', (run) => run.exit(1));
    bench.platform.scripts.set('hang', forever);
    await bench.apply(spec('a', { Run: 'bad', Recover: 'hang' }));
    await bench.timers.pass(119_999);
    expect(bench.state('a')).toBe('ERRORED');
    await bench.timers.pass(1);
    expect(bench.state('a')).toBe('BROKEN');
    expect(bench.platform.alive()).toEqual([]);
  });

  test('the exit code of a crash is in the reason, that of a signal as a shell tells it', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('bad', (run) => run.exit(42));
    bench.platform.scripts.set('killed', (run) => run.exit({ signal: 'SIGKILL' }));
    await bench.apply(spec('a', { Run: 'bad' }), spec('b', { Startup: 'killed' }));
    const [a, b] = bench.lifecycle.statuses();
    expect(a).toMatchObject({ state: 'BROKEN', statusCodes: ['RUN_ERROR'] });
    expect(a?.reason).toContain('The run script exited with code 42.');
    expect(b).toMatchObject({ state: 'BROKEN', statusCodes: ['STARTUP_ERROR'] });
    expect(b?.reason).toContain('exited with code 137');
  });

  test('a user that does not exist breaks the component and is named', async () => {
    const bench = new LifecycleBench();
    bench.platform.startErrors.set(
      'serve',
      new Fault('USER_UNKNOWN', 'The user "ghost" does not exist on this device'),
    );
    bench.platform.startErrors.set('prepare', new Fault('START_FAILED', 'no shell'));
    await bench.apply(spec('a', { Run: 'serve' }), spec('b', { Install: 'prepare' }));
    const [a, b] = bench.lifecycle.statuses();
    expect(a).toMatchObject({ state: 'BROKEN', statusCodes: ['RUN_CONFIG_NOT_VALID'] });
    expect(a?.reason).toContain('"ghost"');
    expect(b).toMatchObject({ state: 'BROKEN', statusCodes: ['INSTALL_IO_ERROR'] });
  });

  test('output goes to the log of the component', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('talk', (run: FakeRun) => {
      run.command.onLine('stdout', 'hello');
      run.command.onLine('stderr', 'oh');
      run.exit(0);
    });
    await bench.apply(spec('a', { Install: { script: 'talk' } }));
    const said = bench.lines.filter((line) => line.event.startsWith('std'));
    expect(said).toMatchObject([
      { component: 'a', level: 'INFO', event: 'stdout', message: 'hello' },
      { component: 'a', level: 'WARN', event: 'stderr', message: 'oh' },
    ]);
    expect(said[0]?.contexts).toEqual({
      scriptName: 'services.a.lifecycle.Install.Script',
      serviceName: 'a',
      currentState: 'NEW',
    });
  });
});

describe('changes', () => {
  test('case 34: the same components applied again restart nothing', async () => {
    const bench = serving();
    const all = () => [spec('a', { Install: 'prepare', Run: 'serve' }), spec('b', { Run: 'once' }, hard('a'))];
    await bench.apply(...all());
    const started = bench.platform.started().length;
    await bench.apply(...all());
    await bench.timers.pass(1e6);
    expect(bench.platform.started()).toHaveLength(started);
  });

  test('case 33: a new version is installed, and the old one is stopped with its own shutdown script', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve', Shutdown: 'old', Install: 'prepare' }));
    const next = spec('a', { Run: 'serve 2', Shutdown: 'new', Install: 'prepare' }, { version: '2.0.0' });
    await bench.apply(next);
    expect(bench.platform.started()).toEqual(['prepare', 'serve', 'old', 'prepare', 'serve 2']);
    expect(bench.platform.alive().map((run) => run.command.script)).toEqual(['serve 2']);
    expect(bench.lifecycle.statuses()).toMatchObject([{ version: '2.0.0', state: 'RUNNING' }]);
  });

  test('a changed shutdown script alone counts from the next start', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve', Shutdown: 'old' }));
    await bench.apply(spec('a', { Run: 'serve', Shutdown: 'new' }));
    expect(bench.platform.started()).toEqual(['serve']);
    await bench.apply(spec('a', { Run: 'serve 2', Shutdown: 'newest' }));
    await bench.lifecycle.stop();
    expect(bench.platform.started()).toEqual(['serve', 'old', 'serve 2', 'newest']);
  });

  test('case 105: a broken component is reinstalled by the next apply, changed or not', async () => {
    const bench = serving();
    bench.platform.scripts.set('prepare', (run) => run.exit(1));
    await bench.apply(spec('a', { Install: 'prepare', Run: 'serve' }));
    expect(bench.state('a')).toBe('BROKEN');
    bench.platform.scripts.delete('prepare');
    await bench.apply(spec('a', { Install: 'prepare', Run: 'serve' }));
    expect(bench.state('a')).toBe('RUNNING');
  });

  test('case 27: what an Install broke works again after a start of the runtime with one that works', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('bad', (run) => run.exit(1));
    await bench.apply(spec('a', { Install: 'bad', Run: 'serve' }));
    expect(bench.state('a')).toBe('BROKEN');
    await bench.lifecycle.stop();
    const next = new LifecycleBench();
    next.platform.scripts.set('serve', () => {});
    await next.apply(spec('a', { Install: 'good', Run: 'serve' }));
    expect(next.state('a')).toBe('RUNNING');
  });

  test('case 43: components that are not given stay as they are until they are pruned, then run Uninstall', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve a', Uninstall: 'remove' }), spec('b', { Run: 'serve b' }));
    await bench.apply(spec('b', { Run: 'serve b' }));
    expect(bench.state('a')).toBe('RUNNING');
    await bench.lifecycle.prune(new Set(['b']));
    expect(bench.lifecycle.statuses().map((status) => status.name)).toEqual(['b']);
    expect(bench.states('a').slice(-2)).toEqual(['FINISHED', 'UNINSTALLED']);
    const uninstall = bench.platform.runs.find((run) => run.command.script === 'remove');
    expect(uninstall?.command.env).toMatchObject({ GREENGRASS_COMPONENT_VERSION: '1.0.0' });
    expect(bench.platform.alive().map((run) => run.command.script)).toEqual(['serve b']);
  });

  test('case 43: an Uninstall that fails or hangs does not keep the component', async () => {
    const bench = serving();
    bench.platform.scripts.set('hang', forever);
    bench.platform.scripts.set('fail', (run) => run.exit(1));
    await bench.apply(
      spec('a', { Run: 'serve a', Uninstall: { Script: 'hang', Timeout: 3 } }),
      spec('b', { Run: 'serve b', Uninstall: 'fail' }),
    );
    const pruned = bench.lifecycle.prune(new Set());
    await bench.timers.pass(3_000);
    await pruned;
    expect(bench.lifecycle.statuses()).toEqual([]);
    expect(bench.platform.alive()).toEqual([]);
  });

  test('a component that is wanted again while it is removed comes back', async () => {
    const bench = serving();
    bench.platform.scripts.set('slow', forever);
    const a = spec('a', { Run: 'serve', Shutdown: 'slow' });
    await bench.apply(a);
    const pruned = bench.lifecycle.prune(new Set());
    await bench.timers.pass(1);
    expect(bench.state('a')).toBe('STOPPING');
    await bench.apply(a);
    await pruned;
    await bench.exit('slow', 0);
    expect(bench.state('a')).toBe('RUNNING');
    expect(bench.states('a')).not.toContain('UNINSTALLED');
  });

  test('a component that is wanted again before its removal began is left alone', async () => {
    const bench = serving();
    const a = spec('a', { Run: 'serve' });
    await bench.apply(a);
    const pruned = bench.lifecycle.prune(new Set());
    await bench.apply(a);
    await pruned;
    expect(bench.states('a')).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
  });
});

describe('dependencies', () => {
  const chain = () => [
    spec('a', { Run: 'serve a', Shutdown: 'stop a' }, hard('b')),
    spec('b', { Run: 'serve b', Shutdown: 'stop b' }, hard('c')),
    spec('c', { Startup: 'serve c', Run: 'x', Shutdown: 'stop c' }),
  ];

  test('a component starts when its HARD dependencies run, whatever their order in the set', async () => {
    const bench = serving();
    await bench.apply(...chain());
    expect([bench.state('a'), bench.state('b'), bench.state('c')]).toEqual(['INSTALLED', 'INSTALLED', 'STARTING']);
    await bench.exit('serve c', 0);
    expect(bench.platform.started()).toEqual(['serve c', 'serve b', 'serve a']);
  });

  test('case 39: dependers are stopped before what they depend on, and an error meanwhile restarts nobody', async () => {
    const bench = serving();
    bench.platform.scripts.set('stop a', forever);
    bench.platform.scripts.set('serve c', forever);
    await bench.apply(...chain().slice(0, 2), spec('c', { Run: 'serve c', Shutdown: 'stop c' }));
    const stopped = bench.lifecycle.stop();
    await bench.exit('serve c', 1);
    await bench.exit('stop a', 0);
    await stopped;
    const stops = bench.platform.started().filter((script) => script.startsWith('stop'));
    expect(stops.indexOf('stop a')).toBeLessThan(stops.indexOf('stop b'));
    expect(bench.platform.alive()).toEqual([]);
    expect(bench.states('b').filter((state) => state === 'STARTING')).toHaveLength(1);
  });

  test('case 36: a HARD depender restarts when its dependency crashes, restarts or is reinstalled', async () => {
    const bench = serving();
    const depender = spec('b', { Run: 'serve b' }, hard('a'));
    await bench.apply(spec('a', { Run: 'serve a' }), depender);
    await bench.exit('serve a', 1);
    expect(bench.platform.started()).toEqual(['serve a', 'serve b', 'serve a', 'serve b']);
    await bench.apply(spec('a', { Run: 'serve a', Setenv: { X: 1 } }), depender);
    expect(bench.platform.started()).toHaveLength(6);
    await bench.apply(spec('a', { Run: 'serve a', Setenv: { X: 1 } }, { version: '1.0.1' }), depender);
    expect(bench.platform.started()).toHaveLength(8);
    expect(bench.platform.alive()).toHaveLength(2);
  });

  test('case 36: a HARD depender keeps running when its dependency ends by itself', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve a' }), spec('b', { Run: 'serve b' }, hard('a')));
    await bench.exit('serve a', 0);
    expect(bench.state('a')).toBe('FINISHED');
    expect(bench.states('b')).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('a HARD depender of a broken component waits, and settling tells which one broke', async () => {
    const bench = serving();
    bench.platform.scripts.set('bad', (run) => run.exit(1));
    await bench.apply(spec('a', { Run: 'bad' }), spec('b', { Run: 'serve b' }, hard('a')));
    expect(bench.state('b')).toBe('INSTALLED');
    const outcome = await bench.lifecycle.settled(new Set(['a', 'b']), never);
    expect(outcome).toMatchObject({ ok: false, broken: [{ name: 'a', state: 'BROKEN' }] });
  });

  test('case 37: a SOFT depender never leaves RUNNING', async () => {
    const bench = serving();
    const depender = spec('b', { Run: 'serve b' }, { dependencies: new Map([['a', 'SOFT']]) });
    await bench.apply(spec('a', { Run: 'serve a' }), depender);
    await bench.exit('serve a', 1);
    await bench.apply(spec('a', { Run: 'serve 2' }, { version: '2.0.0' }), depender);
    expect(bench.states('b')).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('case 38: a new dependency restarts its depender; a removed or retyped one does not', async () => {
    const bench = serving();
    const a = spec('a', { Run: 'serve a' });
    const run = { Run: 'serve b' };
    await bench.apply(a, spec('b', run));
    await bench.apply(a, spec('b', run, hard('a')));
    expect(bench.platform.started().filter((script) => script === 'serve b')).toHaveLength(2);
    await bench.apply(a, spec('b', run, { dependencies: new Map([['a', 'SOFT']]) }));
    await bench.apply(a, spec('b', run, hard('a')));
    await bench.apply(spec('b', run));
    await bench.lifecycle.prune(new Set(['b']));
    expect(bench.platform.started().filter((script) => script === 'serve b')).toHaveLength(2);
    expect(bench.state('b')).toBe('RUNNING');
  });

  test('a dependency that is not a component here counts as ready', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve' }, hard('aws.greengrass.Nucleus')));
    expect(bench.state('a')).toBe('RUNNING');
  });
});

describe('settling', () => {
  test('RUNNING counts after a second, FINISHED at once', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve' }), spec('b', { Run: 'once' }));
    await expect(bench.lifecycle.settled(new Set(['b']), never)).resolves.toEqual({ ok: true });
    let settled = false;
    const outcome = bench.lifecycle.settled(new Set(['a', 'b']), never).then((result) => {
      settled = true;
      return result;
    });
    await bench.timers.pass(999);
    expect(settled).toBe(false);
    await bench.timers.pass(1);
    await expect(outcome).resolves.toEqual({ ok: true });
    await expect(bench.lifecycle.settled(new Set(['a', 'b']), never)).resolves.toEqual({ ok: true });
  });

  test('a component that crashes at once does not pass for one that works', async () => {
    const bench = serving();
    await bench.apply(spec('a', { Run: 'serve' }));
    const outcome = bench.lifecycle.settled(new Set(['a']), never);
    for (let i = 0; i < 3; i += 1) {
      await bench.timers.pass(900);
      await bench.exit('serve', 1);
    }
    await expect(outcome).resolves.toMatchObject({ ok: false, broken: [{ name: 'a' }] });
  });

  test('waiting ends when it is given up, and for a component that is not there', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('hang', forever);
    await bench.apply(spec('a', { Install: 'hang' }));
    const abort = new AbortController();
    const outcome = bench.lifecycle.settled(new Set(['a']), abort.signal);
    abort.abort(new Error('cancelled'));
    await expect(outcome).rejects.toThrow('cancelled');
    await expect(bench.lifecycle.settled(new Set(['z']), never)).rejects.toMatchObject({ code: 'COMPONENT_UNKNOWN' });
  });
});

describe('stopping the runtime', () => {
  test('ends an installation under way, and takes no components afterwards', async () => {
    const bench = new LifecycleBench();
    bench.platform.scripts.set('hang', forever);
    await bench.apply(spec('a', { Install: 'hang' }));
    await bench.lifecycle.stop();
    expect(bench.platform.alive()).toEqual([]);
    expect(bench.living).toBe(0);
    expect(() => bench.lifecycle.apply(new Map())).toThrow('stopping');
  });

  test('a listener that applies components from within a change is served', async () => {
    const bench = serving();
    const off = bench.lifecycle.onChange((status) => {
      if (status.state === 'RUNNING' && status.version === '1.0.0') {
        bench.lifecycle.apply(new Map([['a', spec('a', { Run: 'serve 2' }, { version: '2.0.0' })]]));
      }
    });
    await bench.apply(spec('a', { Run: 'serve' }));
    off();
    expect(bench.platform.alive().map((run) => run.command.script)).toEqual(['serve 2']);
    expect(bench.state('a')).toBe('RUNNING');
  });
});
