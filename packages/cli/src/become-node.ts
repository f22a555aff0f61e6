import { spawn } from 'node:child_process';

/**
 * Turns this process into Node with other arguments (`process.execve`), so that signals, exit code and memory are those of
 * that program alone. Windows cannot: there a child runs it, with our streams and our exit code.
 */
export function becomeNode(args: readonly string[]): void {
  const { execve } = process;
  if (execve !== undefined && process.platform !== 'win32') {
    execve.call(process, process.execPath, [process.execPath, ...args], definedEnvironment());
    return;
  }
  const child = spawn(process.execPath, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  child.once('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

function definedEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) environment[name] = value;
  return environment;
}
