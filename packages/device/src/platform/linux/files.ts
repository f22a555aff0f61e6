import { constants } from 'node:fs';
import { lchown, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilePermission } from '../platform.ts';

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

/** Gives files their mode and folders 0755, below `path` too. Symbolic links are left as they are and not followed. */
export async function setModes(path: string, fileMode: number): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    await changeMode(path, 0o755);
    for (const name of await readdir(path)) await setModes(join(path, name), fileMode);
  } else if (found.isFile()) {
    await changeMode(path, fileMode);
  }
}

async function changeMode(path: string, mode: number): Promise<void> {
  // By descriptor and without following: the owner of the folder could replace a file by a link at this moment.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

/** Gives `path` and everything below it to a user; a link itself, never what it points to. */
export async function setOwners(path: string, uid: number, gid: number): Promise<void> {
  const found = await lstat(path);
  if (found.uid !== uid || found.gid !== gid) await lchown(path, uid, gid);
  if (found.isDirectory()) for (const name of await readdir(path)) await setOwners(join(path, name), uid, gid);
}
