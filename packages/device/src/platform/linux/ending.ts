import { delay, type Timers } from '@greensward/kit';
import { type ProcessEntry, readProcess } from './processes.ts';

/** After SIGKILL a process is gone in milliseconds, unless the kernel holds it (a dead disk): then nobody can end it. */
const killLimitMs = 5_000;

/**
 * Asks processes to end, and kills what is left after `graceMs`. `find` tells the members each time anew, because
 * processes come and go meanwhile; `group` is the process group all started in. Resolves with those that even SIGKILL
 * did not end.
 */
export async function endProcesses(
  find: () => readonly ProcessEntry[],
  group: number | undefined,
  graceMs: number,
  timers: Timers,
): Promise<readonly ProcessEntry[]> {
  let members = find();
  signalAll(members, group, 'SIGTERM');
  const termUntil = timers.monotonic() + graceMs;
  for (let wait = 10; members.length > 0 && timers.monotonic() < termUntil; wait = Math.min(wait * 2, 100)) {
    await delay(timers, Math.min(wait, Math.max(1, termUntil - timers.monotonic())));
    members = members.filter((entry) => readProcess(entry.pid)?.startTime === entry.startTime);
    if (members.length === 0) members = find();
  }
  members = find();
  const killUntil = timers.monotonic() + killLimitMs;
  while (members.length > 0) {
    signalAll(members, group, 'SIGKILL');
    if (timers.monotonic() > killUntil) return members;
    await delay(timers, 10);
    members = find();
  }
  return [];
}

function signalAll(members: readonly ProcessEntry[], group: number | undefined, signal: NodeJS.Signals): void {
  // The group first: that also reaches a process that was forked since the list was made.
  if (group !== undefined && members.some((entry) => entry.group === group)) send(-group, signal);
  for (const entry of members) if (entry.group !== group) send(entry.pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself (ESRCH), or is not ours to signal (EPERM); the caller looks again and reports what is left.
  }
}
