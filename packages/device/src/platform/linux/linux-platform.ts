import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { Fault, type Log, type Timers } from '@greensward/kit';
import type { Platform } from '../platform.ts';
import { platformAttributes } from './attributes.ts';
import { endProcesses } from './ending.ts';
import { permissionMode, setModes, setOwners } from './files.ts';
import { findMembers, hasProc } from './processes.ts';
import { startScript } from './script-process.ts';
import { resolveUser, type UserIdentity } from './users.ts';

/** What a leftover gets between SIGTERM and SIGKILL, in ms. */
const leftoverGraceMs = 5_000;

/** What the Linux platform is constructed with. */
export interface LinuxPlatformOptions {
  readonly timers: Timers;
  readonly log: Log;
  /**
   * Tells this device's processes from those of another runtime on the machine: the absolute path of its root folder.
   * It is in the environment of every process that is started, so that none outlives the runtime unseen.
   */
  readonly device: string;
  /** The runtime's PATH, for `findExecutable`. */
  readonly path: string;
}

/** The platform of Linux, and of macOS as far as it goes there: without /proc only process groups are ended. */
export function createLinuxPlatform(options: LinuxPlatformOptions): Platform {
  const { timers, log, device } = options;
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  let runs = 0;

  const findExecutable = (name: string): string | undefined => {
    if (isAbsolute(name)) return isExecutable(name) ? name : undefined;
    const folders = [...options.path.split(delimiter), '/bin', '/usr/bin', '/sbin', '/usr/sbin'];
    return folders
      .filter((folder) => isAbsolute(folder))
      .map((folder) => join(folder, name))
      .find(isExecutable);
  };

  /** Undefined: the script runs as the runtime itself does. */
  const identityOf = async (user: string | undefined): Promise<UserIdentity | undefined> => {
    if (user === undefined) return undefined;
    const identity = await resolveUser(user);
    if (identity.uid === uid && identity.gid === gid) return undefined;
    if (uid === 0) return identity;
    throw new Fault('START_FAILED', `Only a runtime that is root can run scripts as the user ${JSON.stringify(user)}`, {
      context: { user },
    });
  };

  return {
    attributes: () => platformAttributes(),
    async start(command) {
      const identity = await identityOf(command.user);
      runs += 1;
      // Unique while any process of this device lives: the pid tells this runtime from one before it.
      const mark = `${device}:${process.pid}.${runs}`;
      const setpriv = identity?.moreGroups === true ? findExecutable('setpriv') : undefined;
      return startScript(command, { timers, log, mark, identity, setpriv });
    },
    async requireUser(user) {
      await identityOf(user);
    },
    async endLeftovers(leftovers) {
      if (!hasProc) return;
      const marked = (value: string) =>
        value.startsWith(`${device}:`) && /^\d+\.\d+$/.test(value.slice(device.length + 1));
      const find = () => findMembers({ leaders: leftovers, sessionsOutliveLeaders: false, mark: marked });
      const found = find();
      if (found.length === 0) return;
      log.warn('ending processes that an earlier run left behind', { pids: found.map((entry) => entry.pid) });
      const left = await endProcesses(find, undefined, leftoverGraceMs, timers);
      if (left.length > 0) log.error('processes cannot be ended', { pids: left.map((entry) => entry.pid) });
    },
    findExecutable,
    exists: (path) => existsSync(path),
    setPermission: (path, permission) => setModes(path, permissionMode(permission, uid !== 0)),
    async setOwner(path, user, what) {
      if (uid !== 0) return;
      const identity = await resolveUser(user);
      await setOwners(path, identity.uid, identity.gid, what === 'all');
    },
    async freeSpace(path) {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
