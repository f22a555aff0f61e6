import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ComponentState } from './lifecycle.ts';
import {
  type Effect,
  isIdle,
  isReady,
  type LifecycleEvent,
  type Machine,
  newMachine,
  type Request,
  transition,
} from './transition.ts';

const hour = 3_600_000;
const failure = { code: 'RUN_ERROR', reason: 'The run script exited with code 1.' };

/** Drives a machine by hand and remembers what it did. */
class Bench {
  machine: Machine;
  at = 0;
  readonly states: ComponentState[] = [];
  readonly begun: string[] = [];

  constructor(ready = true) {
    this.machine = newMachine(ready);
  }

  send(event: LifecycleEvent): readonly Effect[] {
    const { machine, effects } = transition(this.machine, event, { at: this.at, errorResetMs: hour });
    this.machine = machine;
    for (const effect of effects) {
      if (effect.kind === 'state') this.states.push(effect.state);
      else this.begun.push(effect.activity);
    }
    return effects;
  }

  request(request: Request): this {
    this.send({ kind: 'request', request });
    return this;
  }

  done(withFailure = false): this {
    this.send({ kind: 'done', generation: this.machine.generation, ...(withFailure ? { failure } : {}) });
    return this;
  }

  running(): this {
    this.send({ kind: 'running', generation: this.machine.generation });
    return this;
  }

  ended(withFailure = false): this {
    this.send({ kind: 'ended', generation: this.machine.generation, ...(withFailure ? { failure } : {}) });
    return this;
  }

  timeout(step: 'startup' | 'run'): this {
    this.send({ kind: 'timeout', generation: this.machine.generation, step });
    return this;
  }

  ready(ready: boolean): this {
    this.send({ kind: 'dependencies', ready });
    return this;
  }

  /** Takes the component to RUNNING. */
  up(): this {
    return this.request('start').done().running();
  }

  /** Lets a RUNNING component crash, recover, stop and come back as far as it will. */
  crash(): this {
    this.ended(true);
    if (this.machine.state === 'ERRORED') this.done().done().running();
    return this;
  }
}

describe('the way up and down', () => {
  test('a component that is started installs, starts and runs', () => {
    const bench = new Bench().up();
    expect(bench.states).toEqual(['INSTALLED', 'STARTING', 'RUNNING']);
    expect(bench.begun).toEqual(['install', 'start']);
    expect(isIdle(bench.machine)).toBe(true);
  });

  test('a new component without a request does nothing', () => {
    const bench = new Bench().ready(false).ready(true);
    expect(bench.begun).toEqual([]);
  });

  test('a Run that ends with 0 goes through STOPPING, with its shutdown script, to FINISHED', () => {
    const bench = new Bench().up().ended().done();
    expect(bench.states).toEqual(['INSTALLED', 'STARTING', 'RUNNING', 'STOPPING', 'FINISHED']);
    expect(bench.begun).toEqual(['install', 'start', 'shutdown']);
    expect(isIdle(bench.machine)).toBe(true);
  });

  test('a component with nothing to run finishes, its shutdown script on the way', () => {
    const bench = new Bench().request('start').done().ended().done();
    expect(bench.states).toEqual(['INSTALLED', 'STARTING', 'STOPPING', 'FINISHED']);
    expect(bench.begun).toEqual(['install', 'start', 'shutdown']);
  });

  test('a stop shuts down and finishes', () => {
    const bench = new Bench().up().request('stop').done();
    expect(bench.states.slice(3)).toEqual(['STOPPING', 'FINISHED']);
  });

  test('a stop while starting does not wait for the start', () => {
    const bench = new Bench().request('start').done().request('stop').done();
    expect(bench.states).toEqual(['INSTALLED', 'STARTING', 'STOPPING', 'FINISHED']);
  });

  test('a restart goes by INSTALLED and installs nothing', () => {
    const bench = new Bench().up().request('restart').done().running();
    expect(bench.states.slice(3)).toEqual(['STOPPING', 'INSTALLED', 'STARTING', 'RUNNING']);
    expect(bench.begun).toEqual(['install', 'start', 'shutdown', 'start']);
  });

  test('a reinstallation goes by NEW', () => {
    const bench = new Bench().up().request('reinstall').done().done().running();
    expect(bench.states.slice(3)).toEqual(['STOPPING', 'NEW', 'INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('a one-shot component that finished runs again when it is restarted', () => {
    const bench = new Bench().up().ended().done().request('restart');
    expect(bench.machine.state).toBe('STARTING');
  });

  test('a start of a component that runs changes nothing', () => {
    const bench = new Bench().up();
    const before = bench.machine;
    bench.request('start');
    expect(bench.machine).toEqual(before);
  });
});

describe('requests collapse', () => {
  test.each<[Request[], Machine['desired']]>([
    [['start', 'start'], ['RUNNING']],
    [['start', 'stop', 'stop'], ['FINISHED']],
    [['start', 'stop', 'start'], ['RUNNING']],
    [
      ['start', 'reinstall', 'reinstall'],
      ['NEW', 'RUNNING'],
    ],
    [
      ['start', 'reinstall', 'stop'],
      ['NEW', 'FINISHED'],
    ],
    [
      ['start', 'reinstall', 'restart'],
      ['NEW', 'RUNNING'],
    ],
    [
      ['start', 'restart', 'restart'],
      ['INSTALLED', 'RUNNING'],
    ],
    [
      ['start', 'uninstall', 'stop'],
      ['FINISHED', 'UNINSTALLED'],
    ],
  ])('case 40: %j while stopping leave %j', (requests, desired) => {
    const bench = new Bench().up().request('stop');
    for (const request of requests) bench.request(request);
    expect(bench.machine.desired).toEqual(desired);
    expect(bench.begun).toEqual(['install', 'start', 'shutdown']);
  });

  test('case 41: a restart of a NEW component that nobody wants is refused', () => {
    const bench = new Bench().request('restart');
    expect(bench.machine.desired).toEqual([]);
    expect(bench.begun).toEqual([]);
  });

  test('a restart of a component that is being closed is refused', () => {
    const bench = new Bench().up().request('close').request('restart').done();
    expect(bench.machine.state).toBe('FINISHED');
    expect(isIdle(bench.machine)).toBe(true);
  });

  test('a reinstallation that comes during one runs after it', () => {
    const bench = new Bench().request('start').request('reinstall').done();
    expect(bench.machine.state).toBe('NEW');
    expect(bench.begun).toEqual(['install', 'install']);
    bench.done();
    expect(bench.machine.state).toBe('STARTING');
  });
});

describe('errors', () => {
  test('case 25: the third crash within the hour breaks, and shuts down', () => {
    const bench = new Bench().up().crash().crash();
    expect(bench.machine.state).toBe('RUNNING');
    bench.crash();
    expect(bench.machine.state).toBe('BROKEN');
    expect(bench.machine.statusCodes).toEqual(['RUN_ERROR']);
    expect(bench.begun.slice(-1)).toEqual(['shutdown']);
    bench.done();
    expect(bench.machine.state).toBe('BROKEN');
    expect(isIdle(bench.machine)).toBe(true);
  });

  test('case 25: crashes more than an hour apart never break', () => {
    const bench = new Bench().up();
    for (let i = 0; i < 10; i += 1) {
      bench.at += hour;
      bench.crash();
      expect(bench.machine.state).toBe('RUNNING');
    }
  });

  test('a crash is recovered from before the component is stopped and started again', () => {
    const bench = new Bench().up().ended(true);
    expect(bench.machine.state).toBe('ERRORED');
    bench.done().done().running();
    expect(bench.begun).toEqual(['install', 'start', 'recover', 'shutdown', 'start']);
    expect(bench.states.slice(3)).toEqual(['ERRORED', 'STOPPING', 'INSTALLED', 'STARTING', 'RUNNING']);
  });

  test('case 26: an Install that fails twice and then works is installed; one that always fails breaks', () => {
    const works = new Bench().request('start').done(true).done().done(true).done().done();
    expect(works.machine.state).toBe('STARTING');
    expect(works.machine.errors).toEqual({});
    const fails = new Bench().request('start').done(true).done().done(true).done().done(true);
    expect(fails.machine.state).toBe('BROKEN');
    expect(fails.begun).toEqual(['install', 'recover', 'install', 'recover', 'install']);
    expect(isIdle(fails.machine)).toBe(true);
  });

  test('errors are counted for each state by itself', () => {
    const bench = new Bench().up().crash().crash().request('reinstall').done();
    bench.done(true);
    expect(bench.machine.state).toBe('ERRORED');
  });

  test('a start that works forgets the errors of starting, not those of running', () => {
    const bench = new Bench().request('start').done().ended(true).done().done().ended(true).done().done().running();
    expect(Object.keys(bench.machine.errors)).toEqual([]);
    expect(bench.machine.state).toBe('RUNNING');
    bench.crash();
    expect(bench.machine.errors).toEqual({ RUNNING: { count: 1, at: 0 } });
  });

  test('a start over its time limit is an error of STARTING, and of no other state', () => {
    const bench = new Bench().request('start').done().timeout('startup');
    expect(bench.machine.statusCodes).toEqual(['STARTUP_TIMEOUT']);
    const running = new Bench().up().timeout('startup');
    expect(running.machine.state).toBe('RUNNING');
  });

  test('a Run over its time limit is an error', () => {
    expect(new Bench().up().timeout('run').machine).toMatchObject({ state: 'ERRORED', statusCodes: ['RUN_TIMEOUT'] });
  });

  test('a shutdown over its time limit is told as an error, and the component still gets where it should', () => {
    const bench = new Bench().up().request('stop').done(true);
    expect(bench.machine.state).toBe('ERRORED');
    bench.done();
    expect(bench.states.slice(3)).toEqual(['STOPPING', 'ERRORED', 'FINISHED']);
    const restarted = new Bench().up().request('restart').done(true).done();
    expect(restarted.machine.state).toBe('STARTING');
  });

  test('what the state had to say is gone in the next state', () => {
    const bench = new Bench().up().ended(true).done();
    expect(bench.machine).toMatchObject({ state: 'STOPPING', statusCodes: [], reason: undefined });
  });
});

describe('a broken component', () => {
  const broken = () => new Bench().up().crash().crash().crash().done();

  test.each<Request>(['start', 'stop', 'restart'])('ignores %s', (request) => {
    const bench = broken().request(request);
    expect(bench.machine.state).toBe('BROKEN');
    expect(isIdle(bench.machine)).toBe(true);
  });

  test('comes back by a reinstallation, with three new tries', () => {
    const bench = broken().request('reinstall').done().running().crash().crash();
    expect(bench.machine.state).toBe('RUNNING');
  });

  test('is reinstalled after its shutdown, not during it', () => {
    const bench = new Bench().up().crash().crash().crash().request('reinstall');
    expect(bench.machine.state).toBe('BROKEN');
    bench.done();
    expect(bench.machine.state).toBe('NEW');
  });

  test('is uninstalled without a state between, also when a stop follows', () => {
    const bench = broken().request('uninstall').request('stop').done();
    expect(bench.states.slice(-2)).toEqual(['BROKEN', 'UNINSTALLED']);
  });
});

describe('a removal', () => {
  test.each([
    ['FINISHED', () => new Bench().up().request('stop').done()],
    ['ERRORED', () => new Bench().up().ended(true)],
  ] as const)('of a component that is %s ends in UNINSTALLED, by FINISHED', (state, make) => {
    const bench = make();
    expect(bench.machine.state).toBe(state);
    bench.request('uninstall');
    for (let step = 0; step < 5 && bench.machine.state !== 'UNINSTALLED'; step++) bench.done();
    expect(bench.states.slice(-2)).toEqual(['FINISHED', 'UNINSTALLED']);
  });
});

describe('generations', () => {
  test('case 35: the exit of a process of an earlier start is ignored', () => {
    const bench = new Bench().up();
    const old = bench.machine.generation;
    bench.request('restart').done().running();
    const before = bench.machine;
    bench.send({ kind: 'ended', generation: old, failure });
    bench.send({ kind: 'timeout', generation: old, step: 'run' });
    expect(bench.machine).toEqual(before);
  });

  test('the exit of the main process during the shutdown is ignored', () => {
    const bench = new Bench().up();
    const old = bench.machine.generation;
    bench.request('stop').send({ kind: 'ended', generation: old, failure });
    expect(bench.machine.state).toBe('STOPPING');
  });
});

describe('dependencies', () => {
  test('a component waits in INSTALLED until its dependencies are ready', () => {
    const bench = new Bench(false).request('start').done();
    expect(bench.machine.state).toBe('INSTALLED');
    bench.ready(true);
    expect(bench.machine.state).toBe('STARTING');
  });

  test('one that runs restarts when a dependency is lost, and waits for it', () => {
    const bench = new Bench().up().ready(false).done();
    expect(bench.machine.state).toBe('INSTALLED');
    bench.ready(true);
    expect(bench.machine.state).toBe('STARTING');
  });

  test('one that waits, finished or broke does not react', () => {
    const finished = new Bench().up().ended().done().ready(false);
    expect(finished.machine.state).toBe('FINISHED');
    const broken = new Bench().up().crash().crash().crash().done().ready(false);
    expect(broken.machine.state).toBe('BROKEN');
    const waits = new Bench(false).request('start').done();
    waits.ready(true);
    expect(waits.begun).toEqual(['install', 'start']);
  });

  test('one that is being closed does not restart for a dependency', () => {
    const bench = new Bench().up().request('close').ready(false).done();
    expect(bench.machine.state).toBe('FINISHED');
  });

  test('case 36: a component is ready while it is stopped on purpose, not while it is stopped for an error', () => {
    expect(isReady(new Bench().up().machine)).toBe(true);
    expect(isReady(new Bench().up().request('stop').machine)).toBe(true);
    expect(isReady(new Bench().up().ended().done().machine)).toBe(true);
    expect(isReady(new Bench().up().ended(true).machine)).toBe(false);
    expect(isReady(new Bench().up().ended(true).done().machine)).toBe(false);
    expect(isReady(new Bench().up().request('restart').done().machine)).toBe(false);
  });
});

describe('closing and removal', () => {
  test('a running component that is removed is shut down, then uninstalled', () => {
    const bench = new Bench().up().request('uninstall').done().done();
    expect(bench.states.slice(3)).toEqual(['STOPPING', 'FINISHED', 'UNINSTALLED']);
    expect(bench.begun).toEqual(['install', 'start', 'shutdown', 'uninstall']);
    expect(isIdle(bench.machine)).toBe(true);
  });

  test('an installation is cut short by a close', () => {
    const bench = new Bench().request('start').request('close');
    expect(bench.begun).toEqual(['install', 'kill']);
    expect(isIdle(bench.machine)).toBe(false);
    bench.done();
    expect(isIdle(bench.machine)).toBe(true);
    expect(bench.machine.state).toBe('NEW');
  });

  test('a recovery is cut short by a close', () => {
    const bench = new Bench().up().ended(true).request('close').done();
    expect(bench.begun.slice(2)).toEqual(['recover', 'shutdown']);
    expect(bench.machine.state).toBe('FINISHED');
    const uninstalled = new Bench().request('start').done(true).request('uninstall').done().done();
    expect(uninstalled.machine.state).toBe('UNINSTALLED');
  });

  test('a reinstallation takes back a removal, at any point of it', () => {
    const stopping = new Bench().up().request('uninstall').request('reinstall').done().done();
    expect(stopping.machine.state).toBe('STARTING');
    const uninstalling = new Bench().up().request('uninstall').done().request('reinstall').done();
    expect(uninstalling.machine.state).toBe('NEW');
    const gone = new Bench().up().request('uninstall').done().done().request('reinstall');
    expect(gone.machine.state).toBe('NEW');
  });
});

describe('for any sequence of events', () => {
  const requests: Request[] = ['start', 'stop', 'restart', 'reinstall', 'close', 'uninstall'];
  const events = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('request' as const), request: fc.constantFrom(...requests) }),
      fc.record({ kind: fc.constant('dependencies' as const), ready: fc.boolean() }),
      fc.record({ kind: fc.constant('answer' as const), fails: fc.boolean(), old: fc.boolean() }),
      fc.record({ kind: fc.constant('running' as const), old: fc.boolean() }),
      fc.record({ kind: fc.constant('timeout' as const), step: fc.constantFrom('startup' as const, 'run' as const) }),
    ),
    { maxLength: 60 },
  );

  test('one main process at most, BROKEN is left by a reinstallation or removal only, and nothing gets stuck', () => {
    fc.assert(
      fc.property(events, (list) => {
        const bench = new Bench();
        // Whether a main process may live: from `start` until an activity that ended all processes is done.
        let mainMayLive = false;
        const check = (event: LifecycleEvent) => {
          const before = bench.machine;
          const effects = bench.send(event);
          const { machine } = bench;
          const current = event.kind === 'done' && event.generation === before.generation;
          if (current && (before.activity === 'shutdown' || before.activity === 'kill')) mainMayLive = false;
          for (const effect of effects) {
            if (effect.kind !== 'begin') continue;
            expect(effect.generation).toBeGreaterThan(before.generation);
            if (effect.activity === 'start') {
              expect(mainMayLive).toBe(false);
              mainMayLive = true;
            }
            if (effect.activity === 'install') expect(mainMayLive).toBe(false);
          }
          if (before.state === 'BROKEN' && machine.state !== 'BROKEN') {
            expect(
              before.desired[0] === 'NEW' ||
                (event.kind === 'request' && event.request === 'reinstall') ||
                before.desired.includes('UNINSTALLED'),
            ).toBe(true);
          }
          if (machine.activity === 'none') {
            // Nothing goes on: either nothing is wanted, or it waits for its dependencies.
            const waits = machine.state === 'INSTALLED' && !machine.ready;
            expect(waits || isIdle(machine)).toBe(true);
            expect(['STARTING', 'RUNNING', 'STOPPING', 'ERRORED']).not.toContain(machine.state);
          }
          if (machine.state === 'STARTING' || machine.state === 'RUNNING') expect(machine.activity).toBe('start');
        };
        for (const event of list) {
          const generation = bench.machine.generation - ('old' in event && event.old ? 1 : 0);
          if (event.kind === 'request' || event.kind === 'dependencies') check(event);
          else if (event.kind === 'running') check({ kind: 'running', generation });
          else if (event.kind === 'timeout') check({ kind: 'timeout', generation, step: event.step });
          else {
            const kind = bench.machine.activity === 'start' ? 'ended' : 'done';
            check({ kind, generation, ...(event.fails ? { failure } : {}) });
          }
        }
        // Whatever came before, a close ends it when every activity answers.
        check({ kind: 'request', request: 'close' });
        for (let i = 0; i < 5 && !isIdle(bench.machine); i += 1) {
          check({ kind: 'done', generation: bench.machine.generation });
        }
        expect(isIdle(bench.machine)).toBe(true);
        expect(mainMayLive).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
