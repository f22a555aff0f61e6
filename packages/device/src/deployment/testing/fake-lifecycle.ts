import type {
  BootstrapOutcome,
  ComponentSpec,
  ComponentState,
  ComponentStatus,
  Lifecycle,
  Outcome,
} from '../../lifecycle/lifecycle.ts';

/**
 * A lifecycle whose components run at once; those for which `breaks` says so turn BROKEN, and what depends on them (HARD) waits
 * in INSTALLED for ever.
 */
export class FakeLifecycle implements Lifecycle {
  readonly running = new Map<string, ComponentSpec>();
  readonly breaks: (spec: ComponentSpec) => boolean;
  /** Components that stay INSTALLED. */
  hangs: (spec: ComponentSpec) => boolean = () => false;
  private stopped = false;
  /** What a bootstrap step does. */
  bootstraps: (spec: ComponentSpec) => Promise<BootstrapOutcome> = async () => ({ kind: 'done' });

  constructor(breaks: (spec: ComponentSpec) => boolean = () => false) {
    this.breaks = breaks;
  }

  apply(desired: ReadonlyMap<string, ComponentSpec>): void {
    if (this.stopped) throw new Error('the lifecycle is stopped');
    for (const [name, spec] of desired) this.running.set(name, spec);
  }

  async prune(keep: ReadonlySet<string>): Promise<void> {
    for (const name of this.running.keys()) if (!keep.has(name)) this.running.delete(name);
  }

  settled(names: ReadonlySet<string>, signal: AbortSignal): Promise<Outcome> {
    const awaited = this.statuses().filter((status) => names.has(status.name));
    const broken = awaited.filter((status) => status.state === 'BROKEN');
    if (broken.length > 0) return Promise.resolve({ ok: false, broken });
    if (awaited.every((status) => status.state === 'RUNNING')) return Promise.resolve({ ok: true });
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  statuses(): readonly ComponentStatus[] {
    return [...this.running.values()].map((spec) => ({
      name: spec.name,
      version: spec.version,
      state: this.stateOf(spec),
      statusCodes: this.breaks(spec) ? ['RUN_ERROR'] : [],
      changedAt: 0,
    }));
  }

  request(): string | undefined {
    return undefined;
  }

  onChange(): () => void {
    return () => {};
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.running.clear();
  }

  async bootstrap(spec: ComponentSpec, signal: AbortSignal): Promise<BootstrapOutcome> {
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    aborted.catch(() => {});
    return Promise.race([this.bootstraps(spec), aborted]);
  }

  private stateOf(spec: ComponentSpec): ComponentState {
    if (this.breaks(spec)) return 'BROKEN';
    if (this.hangs(spec)) return 'INSTALLED';
    const hard = [...spec.dependencies].flatMap(([name, type]) => (type === 'HARD' ? [this.running.get(name)] : []));
    return hard.every((one) => one === undefined || this.stateOf(one) === 'RUNNING') ? 'RUNNING' : 'INSTALLED';
  }
}
