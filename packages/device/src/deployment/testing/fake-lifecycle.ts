import type { ComponentSpec, ComponentStatus, Lifecycle, Outcome } from '../../lifecycle/lifecycle.ts';

/** A lifecycle whose components run at once; those for which `breaks` says so turn BROKEN. */
export class FakeLifecycle implements Lifecycle {
  readonly running = new Map<string, ComponentSpec>();
  readonly breaks: (spec: ComponentSpec) => boolean;

  constructor(breaks: (spec: ComponentSpec) => boolean = () => false) {
    this.breaks = breaks;
  }

  apply(desired: ReadonlyMap<string, ComponentSpec>): void {
    for (const [name, spec] of desired) this.running.set(name, spec);
  }

  async prune(keep: ReadonlySet<string>): Promise<void> {
    for (const name of this.running.keys()) if (!keep.has(name)) this.running.delete(name);
  }

  async settled(names: ReadonlySet<string>): Promise<Outcome> {
    const broken = this.statuses().filter((status) => names.has(status.name) && status.state === 'BROKEN');
    return broken.length === 0 ? { ok: true } : { ok: false, broken };
  }

  statuses(): readonly ComponentStatus[] {
    return [...this.running.values()].map((spec) => ({
      name: spec.name,
      version: spec.version,
      state: this.breaks(spec) ? 'BROKEN' : 'RUNNING',
      statusCodes: this.breaks(spec) ? ['RUN_ERROR'] : [],
      changedAt: 0,
    }));
  }

  onChange(): () => void {
    return () => {};
  }

  async stop(): Promise<void> {
    this.running.clear();
  }
}
