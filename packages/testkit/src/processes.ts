import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A real process of ours under test. */
export interface TestProcess {
  readonly pid: number;
  /** Everything it printed so far, standard output and error together. */
  output(): string;
  /** Resolves with its exit code, or with the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Asks it to stop; fails when it has not within ten seconds, after killing it. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

// A test that is interrupted must leave nothing behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts Node with these arguments and an IPC channel. `detached` gives it a process group, as a terminal does; `through` is a
 * command that turns into the one after it, such as `ip netns exec NAME`.
 */
export function startNode(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; detached?: boolean; through?: readonly string[] } = {},
): TestProcess & { readonly child: ChildProcess } {
  const { through = [], ...rest } = options;
  const [program = process.execPath, ...all] = [...through, process.execPath, ...args];
  const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], ...rest });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return code ?? signal;
  });
  return {
    child,
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        child.kill('SIGKILL');
      }, 10_000);
      await ended;
      clearTimeout(timer);
      if (late) throw new Error(`process ${child.pid} did not stop within 10 s:\n${output.slice(-4000)}`);
    },
  };
}

/** The first `ready` message of a main; fails with its output when it ends before. */
export async function untilReady(
  started: TestProcess & { readonly child: ChildProcess },
): Promise<Readonly<Record<string, unknown>>> {
  return await new Promise((resolve, reject) => {
    started.child.on('message', (message: unknown) => {
      if (typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'ready')
        resolve({ ...message });
    });
    void started.ended.then((how) =>
      reject(new Error(`ended (${how}) before it was ready:\n${started.output().slice(-4000)}`)),
    );
  });
}

/** Asks a child of ours over its channel; it answers with the next message it sends. */
export async function answerOf<T>(child: ChildProcess, question: string): Promise<T> {
  const answered = once(child, 'message');
  child.send(question);
  const [answer]: readonly T[] = await answered;
  if (answer === undefined) throw new Error(`no answer to ${question}`);
  return answer;
}
