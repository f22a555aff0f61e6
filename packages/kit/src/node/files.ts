import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces `path` by `data` so that a reader, and a machine after a power cut, sees the old or the new content whole:
 * temporary file, fsync, rename, fsync of the folder. The folder must exist.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  await replaceFile(path, data, mode);
  await syncFolder(dirname(path));
}

/** As {@link writeFileAtomic}, but which of the two contents a power cut leaves is only sure after a {@link syncFolder}. */
export async function replaceFile(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Makes the names in a folder durable. A platform that cannot open a folder (Windows) keeps them in its journal. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform !== 'win32') await sync(path, constants.O_RDONLY);
}

/** Makes the bytes and the mode of a file durable, not its name. */
export async function syncFile(path: string): Promise<void> {
  // Windows syncs only what may be written.
  await sync(path, process.platform === 'win32' ? 'r+' : constants.O_RDONLY);
}

/** Makes all files and folders of a folder durable, itself included, but not its own name. Links are not followed. */
export async function syncTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(path, entry.name));
    else if (entry.isFile()) await syncFile(join(path, entry.name));
  }
  await syncFolder(path);
}

async function sync(path: string, flags: string | number): Promise<void> {
  const held = await open(path, flags);
  try {
    await held.sync();
  } finally {
    await held.close();
  }
}

/** Creates a folder and its parents. Their names are durable after a {@link syncFolder} of each parent. */
export async function ensureFolder(path: string, mode = 0o755): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}
