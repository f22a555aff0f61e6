import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Fault } from '@greensward/kit';

/** The identity a script runs with. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Absent for a number without an entry in the user database. */
  readonly name?: string;
  readonly home?: string;
  /** True when the user is also a member of other groups (`docker`, `gpio`). */
  readonly moreGroups: boolean;
}

const run = promisify(execFile);

/**
 * Resolves `user`, `user:group`, `uid` or `uid:gid` as the reference runtime does: a user without a group gets its
 * primary one; `1001:1002` needs no entry, `1001` does; `user:` is `user`; a colon in front belongs to the name.
 * Throws Fault `USER_UNKNOWN`.
 */
export async function resolveUser(spec: string): Promise<UserIdentity> {
  const colon = spec.indexOf(':');
  const user = colon > 0 ? spec.slice(0, colon) : spec;
  const group = colon > 0 ? spec.slice(colon + 1) : '';
  const entry = await lookUp('passwd', user);
  const uid = entry ? numeric(entry[2]) : group === '' ? undefined : numeric(user);
  if (uid === undefined) throw unknown(spec, `user ${JSON.stringify(user)}`);
  const gid = group === '' ? numeric(entry?.[3]) : (numeric((await lookUp('group', group))?.[2]) ?? numeric(group));
  if (gid === undefined) throw unknown(spec, `group ${JSON.stringify(group)}`);
  const name = entry?.[0];
  const home = entry?.[5];
  return {
    uid,
    gid,
    ...(name === undefined ? {} : { name }),
    ...(home === undefined || home === '' ? {} : { home }),
    moreGroups: name !== undefined && (await hasMoreGroups(name)),
  };
}

function unknown(spec: string, what: string): Fault {
  return new Fault('USER_UNKNOWN', `The ${what} does not exist on this device`, { context: { user: spec } });
}

function numeric(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffffffff ? Number(text) : undefined;
}

/** The fields of a database entry, by name or by number (in both files the third field). */
async function lookUp(database: 'passwd' | 'group', key: string): Promise<readonly string[] | undefined> {
  const entries = await readDatabase(database);
  const local =
    entries.find((fields) => fields[0] === key) ??
    entries.find((fields) => numeric(key) !== undefined && fields[2] === key);
  if (local) return local;
  // A directory service (LDAP, systemd-homed) is asked through getent; a name must not be taken for an option of it.
  if (!/^[A-Za-z0-9_][^:\s]*$/.test(key)) return undefined;
  try {
    const { stdout } = await run('getent', [database, key], { timeout: 10_000 });
    return stdout.split('\n')[0]?.split(':');
  } catch {
    return undefined;
  }
}

async function readDatabase(database: 'passwd' | 'group'): Promise<string[][]> {
  try {
    const text = await readFile(`/etc/${database}`, 'utf8');
    return text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

async function hasMoreGroups(name: string): Promise<boolean> {
  return (await readDatabase('group')).some((fields) => (fields[3] ?? '').split(',').includes(name));
}
