/** One script run of a component. Environment is complete: nothing is inherited besides it. */
export interface ScriptCommand {
  readonly script: string;
  /** The shell program, `sh` unless configured. */
  readonly shell: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** `user[:group]`, names or numeric ids; absent: the runtime's own user. */
  readonly user?: string;
  /** Each line of output, without its end. */
  readonly onLine: (stream: 'stdout' | 'stderr', line: string) => void;
}

/** How a process ended: exactly one of the two is set. */
export interface ProcessExit {
  readonly code?: number;
  readonly signal?: string;
}

/** A started script with every process it started. */
export interface ScriptProcess {
  readonly pid: number;
  /** What tells this process from a later one with the same pid; for the record of leftovers. */
  readonly startedAt: string;
  /** Resolves when the first process has ended and its output is read. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Asks the whole group to end, and after `graceMs` kills it. Resolves when none of it is left. */
  stop(graceMs: number): Promise<void>;
}

/** A process that an earlier run of the device runtime left behind. */
export interface Leftover {
  readonly pid: number;
  readonly startedAt: string;
}

/** What a file of an artifact may be used for; Greengrass `Permission`. */
export interface FilePermission {
  readonly read: 'NONE' | 'OWNER' | 'ALL';
  readonly execute: 'NONE' | 'OWNER' | 'ALL';
}

/** The operating system below the runtime. Rooms use this interface, never linux/ or windows/. */
export interface Platform {
  /** Platform attributes of recipes: `os`, `architecture`, `architecture.detail`. */
  attributes(): Readonly<Record<string, string>>;
  /** Throws Fault `USER_UNKNOWN` (names the user) or `START_FAILED` when the process cannot be started. */
  start(command: ScriptCommand): Promise<ScriptProcess>;
  /** Throws Fault `USER_UNKNOWN` (names the user) when a script could not be run as `user[:group]`. */
  requireUser(user: string): Promise<void>;
  /** Ends what a dead runtime left running; a pid that now belongs to another process is not touched. */
  endLeftovers(leftovers: readonly Leftover[]): Promise<void>;
  /** The path of an executable as `onpath` of Skipif looks for it. */
  findExecutable(name: string): string | undefined;
  /** True when a file or folder exists. */
  exists(path: string): boolean;
  /** Sets mode and, for a folder, everything below it. */
  setPermission(path: string, permission: FilePermission): Promise<void>;
  /** Gives a folder with what is in it, or only what is in it, to a component's user; does nothing where the runtime may not. */
  setOwner(path: string, user: string, what: 'all' | 'contents'): Promise<void>;
  /** Free bytes on the volume of a path. */
  freeSpace(path: string): Promise<number>;
}
