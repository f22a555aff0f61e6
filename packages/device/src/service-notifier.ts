import { execFile } from 'node:child_process';
import { type Log, messageOf, type Timers } from '@greensward/kit';

/** Tells the service manager how the runtime is (sd_notify(3)); does nothing where there is none. */
export interface ServiceNotifier {
  /** The components have been started as far as they were; from now on the watchdog is fed. */
  ready(status: string): void;
  stopping(): void;
}

/**
 * By the program `systemd-notify`, for Node opens no Unix datagram sockets. The watchdog is fed from the event loop, twice in its
 * time: a runtime that hangs misses it, and is started again.
 */
export function createServiceNotifier(deps: {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timers: Timers;
  readonly log: Log;
}): ServiceNotifier {
  const { environment, timers, log } = deps;
  const socket = environment['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return { ready: () => {}, stopping: () => {} };
  const watchdogMs = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000;
  let stopped = false;
  let failing = false;

  function tell(...words: readonly string[]): void {
    const env = { PATH: environment['PATH'] ?? '/usr/bin:/bin', NOTIFY_SOCKET: socket };
    execFile('systemd-notify', words, { env, timeout: 10_000 }, (error) => {
      if (error !== null && !failing) log.warn('the service manager is not told', { reason: messageOf(error) });
      failing = error !== null;
    });
  }

  function feed(): void {
    timers.after(watchdogMs / 2, () => {
      if (stopped) return;
      tell('WATCHDOG=1');
      feed();
    });
  }

  return {
    ready(status) {
      if (stopped) return;
      tell('--ready', `--status=${status}`);
      if (watchdogMs > 0) feed();
    },
    stopping() {
      stopped = true;
      tell('STOPPING=1');
    },
  };
}
