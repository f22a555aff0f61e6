import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import type { ProcessExit, ScriptCommand, ScriptProcess } from '../platform.ts';
import { endProcesses } from './ending.ts';
import { LineSplitter } from './lines.ts';
import { findMembers, hasProc, markVariable, type ProcessEntry, processIdentity } from './processes.ts';
import type { UserIdentity } from './users.ts';

/** How long output is read on after the first process ended, when a process it left behind keeps the pipes open. */
const drainMs = 50;

interface Surroundings {
  readonly timers: Timers;
  readonly log: Log;
  /** Marks the processes of this run; see {@link markVariable}. */
  readonly mark: string;
  /** Absent: the runtime's own user. */
  readonly identity: UserIdentity | undefined;
  /** Path of setpriv(1), which gives a user all its groups; without it only the one group is set. */
  readonly setpriv: string | undefined;
}

/** Starts a script in a process group and session of its own. Throws Fault `START_FAILED`. */
export async function startScript(command: ScriptCommand, around: Surroundings): Promise<ScriptProcess> {
  const { timers, log, mark } = around;
  const child = await spawnScript(command, around);
  const pid = child.pid;
  if (pid === undefined) throw failed(command, undefined);
  // Now: the process is not reaped before the event loop turns, so even one that ended at once is still there.
  const startedAt = processIdentity(pid);
  let forgotten = false;
  const leader = [{ pid, startedAt }];
  const find = (): readonly ProcessEntry[] => {
    if (forgotten) return [];
    if (!hasProc) return groupAlive(pid) ? [{ pid, parent: 0, group: pid, session: pid, startTime: '' }] : [];
    return findMembers({ leaders: leader, sessionsOutliveLeaders: true, mark: (value) => value === mark });
  };

  readLines(child, command);
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      // What left nothing behind is never looked for again, so a later process with its number is safe.
      if (find().length === 0) forgotten = true;
      const exit = code === null ? { signal: signal ?? 'SIGKILL' } : { code };
      const cancel = timers.after(drainMs, () => resolve(exit));
      child.once('close', () => {
        cancel();
        resolve(exit);
      });
    });
  });

  let stopping: Promise<void> | undefined;
  const stop = async (graceMs: number): Promise<void> => {
    const left = await endProcesses(find, pid, graceMs, timers);
    forgotten = true;
    if (left.length > 0) log.error('processes cannot be ended', { pids: left.map((entry) => entry.pid) });
    else await exited;
  };
  return {
    pid,
    startedAt,
    exited,
    stop(graceMs) {
      stopping ??= stop(graceMs);
      return stopping;
    },
  };
}

async function spawnScript(command: ScriptCommand, around: Surroundings): Promise<ChildProcess> {
  const { identity, setpriv } = around;
  let file = command.shell;
  let args = ['-c', command.script];
  // uid and gid of spawn drop all other groups of the user; setpriv keeps them and becomes the shell (same pid).
  const byHelper = identity?.moreGroups === true && setpriv !== undefined;
  if (byHelper) {
    args = [`--reuid=${identity.uid}`, `--regid=${identity.gid}`, '--init-groups', '--', file, ...args];
    file = setpriv;
  }
  const env: Record<string, string> = { ...command.env, [markVariable]: around.mark };
  if (identity !== undefined) {
    // What the runtime's own user is called and where it lives is nothing to another one; a bare number has neither.
    for (const name of ['USER', 'LOGNAME', 'HOME']) if (env[name] === process.env[name]) delete env[name];
    if (identity.name !== undefined) env['USER'] = env['LOGNAME'] = identity.name;
    if (identity.home !== undefined) env['HOME'] = identity.home;
  }
  try {
    const child = spawn(file, args, {
      cwd: command.cwd,
      env,
      // A session of its own: the runtime's Ctrl-C does not reach it, and its group can be signalled at once.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(identity === undefined || byHelper ? {} : { uid: identity.uid, gid: identity.gid }),
    });
    if (child.pid === undefined) await new Promise((_, reject) => child.once('error', reject));
    // Later errors concern signals to it; how it ended is told by `exit`.
    child.on('error', () => {});
    return child;
  } catch (error) {
    throw failed(command, error);
  }
}

function failed(command: ScriptCommand, cause: unknown): Fault {
  const { cwd, shell, user } = command;
  const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
  let reason = messageOf(cause);
  if (!existsSync(cwd)) reason = `its work folder ${cwd} does not exist`;
  else if (denied && user !== undefined) reason = `the user ${user} may not enter ${cwd}, or may not run ${shell}`;
  return new Fault('START_FAILED', `The script could not be started with ${shell}: ${reason}`, { cause });
}

function readLines(child: ChildProcess, command: ScriptCommand): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const lines = new LineSplitter((line) => command.onLine(name, line));
    child[name]?.on('data', (chunk: Uint8Array) => lines.push(chunk));
    child[name]?.once('end', () => lines.end());
    child[name]?.on('error', () => {});
  }
  // Nobody writes to it, but it stays open: a script that reads waits, as it does under the reference runtime.
  child.stdin?.on('error', () => {});
}

function groupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}
