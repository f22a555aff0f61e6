import { machine } from 'node:os';
import { hasProc } from './processes.ts';

const details = new Set(['armv6l', 'armv7l', 'armv8l', 'armv6b', 'armv7b', 'armv8b']);

/** The attributes a recipe's platform is matched with (recipes: device attributes). */
export function platformAttributes(
  os: string = process.platform,
  architecture: string = process.arch,
  machineName: string = machine(),
): Readonly<Record<string, string>> {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm: 'arm', arm64: 'aarch64' };
  const name = names[architecture] ?? 'unknown';
  const detail = name === 'arm' || name === 'aarch64' ? machineName.toLowerCase() : '';
  return {
    os: os === 'darwin' ? 'darwin' : hasProc ? 'linux' : 'unknown',
    architecture: name,
    ...(details.has(detail) ? { 'architecture.detail': detail } : {}),
  };
}
