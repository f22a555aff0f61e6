import { type ChildProcess, spawn } from 'node:child_process';
import { Fault } from '@greensward/kit';
import { environment } from './environment.ts';

/** A child process of ours that runs one of the mains. */
export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves with how it ended; never rejects. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Asks it to stop, and kills it when it has not within `limitMs`. */
  stop(limitMs?: number): Promise<void>;
}

/**
 * Starts a Node main with an IPC channel. The main ends by itself when the channel closes, so that it does not outlive
 * us even if we are killed. Its standard error is passed to `onLine` line by line.
 */
export function startChild(
  name: string,
  args: readonly string[],
  onLine: (line: string) => void,
  env: Readonly<Record<string, string>> = environment(),
): Child {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let rest = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    // Not `exit`: what it said last may still be on its way then.
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  return {
    name,
    process: child,
    ended,
    async stop(limitMs = 20_000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The first and the last line that a child wrote to standard error, so far. */
export interface Said {
  first?: string;
  last?: string;
}

/**
 * Waits for the message that a main sends when it is ready. Its early end is a Fault: `Usage` with the first line it said when
 * it was started wrongly (how to start it follows), else `ChildEnded` with the last.
 */
export function whenReady(child: Child, said: Said): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    child.process.on('message', (message: unknown) => {
      if (typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'ready') {
        resolve({ ...message });
      }
    });
    void child.ended.then(({ code, signal }) => {
      const wrongUsage = code === 2;
      const reason = (wrongUsage ? said.first : said.last) ?? `exit ${code ?? signal}`;
      reject(new Fault(wrongUsage ? 'Usage' : 'ChildEnded', reason));
    });
  });
}
