import { Fault } from '@greensward/kit';
import { afterTrial, type LaunchRecord, nextLaunch, withTrial } from '../../launch/launch-record.ts';
import type { RuntimeBuild, RuntimeBuilds } from '../runtime-builds.ts';

/** The builds of the runtime of a test's device: their record is as a real one, and starts are decided as by a real one. */
export class TestBuilds implements RuntimeBuilds {
  readonly installed = '2.12.0';
  /** Versions whose build ends before it has started anything. */
  readonly crashing = new Set<string>();
  /** Versions whose build does not say what it should. */
  readonly unusable = new Set<string>();
  /** The version of every start, crashes included. */
  readonly starts: string[] = [];
  private record: LaunchRecord = {};

  /** A process is started, again and again until a build lives; gives its version. */
  start(): string {
    for (;;) {
      const { runs, record } = nextLaunch(this.record);
      this.record = record;
      const version = runs?.version ?? this.installed;
      this.starts.push(version);
      if (!this.crashing.has(version)) return version;
    }
  }

  async check({ version }: RuntimeBuild): Promise<void> {
    if (this.unusable.has(version)) throw new Fault('COMPONENT_LOAD_FAILURE', `${version} is none`);
  }

  hasFailed(version: string): boolean {
    return this.record.failed === version;
  }

  tryNext(build: RuntimeBuild): void {
    this.record = withTrial(this.record, build);
  }

  goBack(): void {
    this.record = afterTrial(this.record, false);
  }

  confirm(version: string): void {
    this.record = afterTrial(this.record, this.record.trial?.version === version);
  }

  /** The version that a start would run from now on for good; undefined while one is on trial. */
  settled(): string | undefined {
    return this.record.trial === undefined ? (this.record.current?.version ?? this.installed) : undefined;
  }
}
