import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '@greensward/kit';
import { asIo, errorCode } from './io.ts';

/** Removes a file, or a folder with all that is in it; one that is not there is no error. */
export async function removeFolder(path: string): Promise<void> {
  await asIo('IO_WRITE_ERROR', path, () => rm(path, { recursive: true, force: true }));
}

export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** The names in a folder; none when it is missing or a file. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new Fault('IO_READ_ERROR', `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Bytes of all files below a folder, links not followed. What vanishes meanwhile counts nothing. */
export async function folderSize(path: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.isFile() ? found.size : 0;
  let bytes = 0;
  for (const name of await listFolder(path)) bytes += await folderSize(join(path, name), signal);
  return bytes;
}
