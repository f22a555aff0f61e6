import { type Cancel, silentLog, type Timers } from '@greensward/kit';
import { FakePlatform } from '../platform/fake/fake-platform.ts';
import type { ComponentLine } from './component-logs.ts';
import type { ComponentSpec, ComponentState, Lifecycle } from './lifecycle.ts';
import { createLifecycle } from './lifecycle-engine.ts';

/** Timers that go by hand. */
class HandTimers implements Timers {
  #now = 0;
  readonly #tasks = new Set<{ readonly at: number; readonly task: () => void }>();

  after(ms: number, task: () => void): Cancel {
    const entry = { at: this.#now + ms, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  monotonic(): number {
    return this.#now;
  }

  /** Lets time pass: each task at its time, and everything it set going done before the next. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await quiet();
    for (;;) {
      const due = [...this.#tasks].filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#tasks.delete(due);
      this.#now = due.at;
      due.task();
      await quiet();
    }
    this.#now = end;
  }
}

/** Lets every promise that can go on do so. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 200; i += 1) await null;
}

/** A lifecycle over a platform in memory, for tests. */
export class LifecycleBench {
  readonly platform = new FakePlatform();
  readonly timers = new HandTimers();
  readonly lines: (ComponentLine & { readonly component: string })[] = [];
  /** `name STATE`, in the order of the changes. */
  readonly changes: string[] = [];
  readonly lifecycle: Lifecycle;
  living = 0;

  constructor() {
    this.lifecycle = createLifecycle({
      platform: this.platform,
      timers: this.timers,
      clock: { now: () => this.timers.monotonic() },
      log: silentLog,
      componentLog: (component) => (line) => this.lines.push({ component, ...line }),
      onProcesses: (leftovers) => {
        this.living = leftovers.length;
      },
      tilde: { home: '/home/me', root: '/root-folder', config: '/c', packages: '/p' },
    });
    this.lifecycle.onChange((status) => this.changes.push(`${status.name} ${status.state}`));
  }

  /** Applies these components, and lets what can happen without time passing happen. */
  async apply(...specs: readonly ComponentSpec[]): Promise<void> {
    this.lifecycle.apply(new Map(specs.map((spec) => [spec.name, spec])));
    await quiet();
  }

  state(name: string): ComponentState | undefined {
    return this.lifecycle.statuses().find((status) => status.name === name)?.state;
  }

  /** The states of one component so far. */
  states(name: string): string[] {
    return this.changes.filter((change) => change.startsWith(`${name} `)).map((change) => change.split(' ')[1] ?? '');
  }

  /** Ends the running process of a script. */
  async exit(script: string, code: number): Promise<void> {
    const run = this.platform.alive(script)[0];
    if (run === undefined) throw new Error(`${script} does not run`);
    run.exit(code);
    await quiet();
  }
}

export function spec(
  name: string,
  lifecycle: ComponentSpec['lifecycle'],
  more: Partial<ComponentSpec> = {},
): ComponentSpec {
  return {
    name,
    version: '1.0.0',
    lifecycle,
    configuration: {},
    dependencies: new Map(),
    environment: {},
    workPath: `/work-folder/${name}`,
    ...more,
  };
}

export function hard(...names: readonly string[]): Pick<ComponentSpec, 'dependencies'> {
  return { dependencies: new Map(names.map((name) => [name, 'HARD'])) };
}
