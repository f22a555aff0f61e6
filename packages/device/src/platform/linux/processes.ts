import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** What the kernel says of a process that is not a zombie. `startTime` is in clock ticks since boot. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTime: string;
}

/**
 * The variable that marks every process of the runtime; its value is `<device>:<run>`. It finds what neither the session
 * nor the parents tell: a daemon that forked twice and began a session of its own.
 */
export const markVariable = 'GREENSWARD_RUN';

/** False on systems without /proc (macOS); only process groups are known there. */
export const hasProc = existsSync('/proc/self/stat');

/** Reads one process; undefined when it is gone or a zombie. */
export function readProcess(pid: number): ProcessEntry | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  return parseStat(stat);
}

/** Parses /proc/PID/stat (proc(5)). The name is in parentheses and may itself hold blanks and parentheses. */
export function parseStat(stat: string): ProcessEntry | undefined {
  const close = stat.lastIndexOf(')');
  const pid = Number.parseInt(stat, 10);
  const [state, parent, group, session, ...more] = stat.slice(close + 2).split(' ');
  const startTime = more[15];
  if (close < 0 || Number.isNaN(pid) || startTime === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), startTime };
}

/** All processes but zombies. */
function listProcesses(): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const entry = readProcess(Number(name));
    if (entry) found.push(entry);
  }
  return found;
}

/** The start of a process as it is recorded: unique over reboots too. */
export function processIdentity(pid: number): string {
  const entry = hasProc ? readProcess(pid) : undefined;
  return entry ? `${bootId()}/${entry.startTime}` : '';
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

/** The value of the mark in a process's environment; undefined when there is none or it may not be read. */
function readMark(pid: number): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    const start = `${markVariable}=`;
    return environment
      .split('\0')
      .find((entry) => entry.startsWith(start))
      ?.slice(start.length);
  } catch {
    return undefined;
  }
}

/** Which processes belong to a run or to a device. */
interface Membership {
  /** First processes of runs, with their identity. */
  readonly leaders: readonly { readonly pid: number; readonly startedAt: string }[];
  /**
   * True when the session of a leader that is gone still counts. Only the runtime that started it may say so: as long as
   * the session lives its number is not used again, but after a restart nobody knows whether it lived all the time.
   */
  readonly sessionsOutliveLeaders: boolean;
  readonly mark: (value: string) => boolean;
}

/**
 * Every living process that belongs: marked ones, the leaders, their sessions and groups, and all descendants of these.
 * A leader's pid that now belongs to another process counts for nothing. Never the calling process or an ancestor of it.
 */
export function findMembers(membership: Membership): ProcessEntry[] {
  const all = listProcesses();
  const byPid = new Map(all.map((entry) => [entry.pid, entry]));
  const children = Map.groupBy(all, (entry) => entry.parent);
  const excluded = new Set<number>();
  for (let at = process.pid; at > 0 && !excluded.has(at); at = byPid.get(at)?.parent ?? 0) excluded.add(at);
  const boot = bootId();
  const leaders = new Set<number>();
  for (const { pid, startedAt } of membership.leaders) {
    const entry = byPid.get(pid);
    if (entry ? startedAt === `${boot}/${entry.startTime}` : membership.sessionsOutliveLeaders) leaders.add(pid);
  }
  const members = new Map<number, ProcessEntry>();
  const add = (entry: ProcessEntry) => {
    if (excluded.has(entry.pid) || members.has(entry.pid)) return;
    members.set(entry.pid, entry);
    for (const child of children.get(entry.pid) ?? []) add(child);
  };
  for (const entry of all) {
    const ours = leaders.has(entry.pid) || leaders.has(entry.session) || leaders.has(entry.group);
    if (ours || membership.mark(readMark(entry.pid) ?? '')) add(entry);
  }
  return [...members.values()];
}
