import type { Leftover, Platform, ProcessExit, ScriptCommand, ScriptProcess } from '../platform.ts';

/** One script that the fake runs. It lives until `exit`. */
export interface FakeRun {
  readonly pid: number;
  readonly command: ScriptCommand;
  alive: boolean;
  exit(how: number | ProcessExit): void;
}

/** What a script does when it is started. */
export type FakeScript = (run: FakeRun) => void;

/** A platform in memory, for tests: scripts are functions, found by the script's text. One without a function exits 0. */
export class FakePlatform implements Platform {
  readonly scripts = new Map<string, FakeScript>();
  /** Every run so far, in the order of their starts. */
  readonly runs: FakeRun[] = [];
  readonly files = new Set<string>();
  readonly executables = new Map<string, string>();
  readonly leftoversEnded: Leftover[] = [];
  /** Thrown by the next start of this script. */
  readonly startErrors = new Map<string, Error>();

  alive(script?: string): readonly FakeRun[] {
    return this.runs.filter((run) => run.alive && (script === undefined || run.command.script === script));
  }

  /** The scripts started so far. */
  started(): readonly string[] {
    return this.runs.map((run) => run.command.script);
  }

  attributes(): Readonly<Record<string, string>> {
    return { os: 'linux', architecture: 'amd64' };
  }

  async start(command: ScriptCommand): Promise<ScriptProcess> {
    const error = this.startErrors.get(command.script);
    if (error) throw error;
    const ended = Promise.withResolvers<ProcessExit>();
    const run: FakeRun = {
      pid: this.runs.length + 1,
      command,
      alive: true,
      exit(how) {
        run.alive = false;
        ended.resolve(typeof how === 'number' ? { code: how } : how);
      },
    };
    this.runs.push(run);
    const script = this.scripts.get(command.script) ?? ((started) => started.exit(0));
    script(run);
    return {
      pid: run.pid,
      startedAt: String(run.pid),
      exited: ended.promise,
      async stop() {
        if (run.alive) run.exit({ signal: 'SIGTERM' });
      },
    };
  }

  async requireUser(): Promise<void> {}

  async endLeftovers(leftovers: readonly Leftover[]): Promise<void> {
    this.leftoversEnded.push(...leftovers);
  }

  findExecutable(name: string): string | undefined {
    return this.executables.get(name);
  }

  exists(path: string): boolean {
    return this.files.has(path);
  }

  async setPermission(): Promise<void> {}

  async setOwner(): Promise<void> {}

  async freeSpace(): Promise<number> {
    return 1e12;
  }
}
