import { constants } from 'node:fs';
import { type FileHandle, lchown, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilePermission } from '../platform.ts';
import { hasProc } from './processes.ts';

/** The mode bits of a file of an artifact (recipes: permission bits). Execute for someone includes read for them. */
export function permissionMode(permission: FilePermission, ownerMayWrite: boolean): number {
  const { read, execute } = permission;
  let mode = ownerMayWrite ? 0o600 : 0o400;
  if (read !== 'NONE' || execute !== 'NONE') mode |= 0o440;
  if (read === 'ALL' || execute === 'ALL') mode |= 0o444;
  if (execute !== 'NONE') mode |= 0o110;
  if (execute === 'ALL') mode |= 0o111;
  return mode;
}

// Both walks go through folders whose owner, a component's user, can rename and replace what is in them at any moment, while
// they run as root. So each folder is held open and reached by its descriptor, not by its name, and a file that has another
// name somewhere else is left as it is.

/** Gives files their mode and folders 0755, below `path` too. Symbolic links are left as they are and not followed. */
export async function setModes(path: string, fileMode: number): Promise<void> {
  const found = await lstat(path);
  if (!found.isDirectory() && !found.isFile()) return;
  const held = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const opened = await held.stat();
    if (opened.isFile() && opened.nlink === 1) await held.chmod(fileMode);
    if (!opened.isDirectory()) return;
    await held.chmod(0o755);
    const folder = heldPath(held, path);
    for (const name of await readdir(folder)) await setModes(join(folder, name), fileMode);
  } finally {
    await held.close();
  }
}

/** Gives everything below `path` to a user, and with `itself` the folder too; a link itself, never what it points to. */
export async function setOwners(path: string, uid: number, gid: number, itself: boolean): Promise<void> {
  const found = await lstat(path);
  const right = found.uid === uid && found.gid === gid;
  if (!found.isDirectory()) {
    if (itself && !right && !(found.isFile() && found.nlink > 1)) await lchown(path, uid, gid);
    return;
  }
  const held = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (itself && !right) await held.chown(uid, gid);
    const folder = heldPath(held, path);
    for (const name of await readdir(folder)) await setOwners(join(folder, name), uid, gid, true);
  } finally {
    await held.close();
  }
}

function heldPath(folder: FileHandle, path: string): string {
  return hasProc ? `/proc/self/fd/${folder.fd}` : path;
}
