import { spawn } from 'node:child_process';

/**
 * Turns this process into Node with other arguments (`process.execve`), so that signals, exit code and memory are those of
 * that program alone. Windows cannot: there a child runs it, with our streams and our exit code.
 */
export function becomeNode(args: readonly string[], env: Readonly<Record<string, string>>): void {
  const { execve } = process;
  if (execve !== undefined && process.platform !== 'win32') {
    execve.call(process, process.execPath, [process.execPath, ...args], env);
    return;
  }
  const child = spawn(process.execPath, args, { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  child.once('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
