import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine. */
export interface FoundProcess {
  readonly pid: number;
  /** Its arguments, separated by spaces. */
  readonly command: string;
}

/** Running processes (Linux), besides this one, whose arguments or environment contain `text`: a temporary folder, a thing's name. */
export function findProcesses(text: string): readonly FoundProcess[] {
  const found: FoundProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      // A zombie has no arguments any more: it has ended.
      if (command === '') continue;
      if (command.includes(text) || readFileSync(`/proc/${name}/environ`, 'utf8').includes(text))
        found.push({ pid, command });
    } catch {
      // It ended meanwhile, or is somebody else's.
    }
  }
  return found;
}
