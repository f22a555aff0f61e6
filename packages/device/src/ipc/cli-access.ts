import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ids } from '@greensward/kit';

/** How the command line on the device gets in: a token that only the user of the runtime can read, new at each start. */
export interface CliAccess {
  readonly token: string;
  /** `greengrass-cli#user-<uid>`. */
  readonly principal: string;
  /** The file is of no use any more. */
  close(): Promise<void>;
}

/** Authentication tokens of the reference: 16 of 32 symbols, 80 bits. */
function newToken(ids: Ids): string {
  const symbols = 'ABCDEFGHJKLMNPQRSTUVWXYZ01234567';
  return [...ids.random(16)].map((byte) => symbols[byte % symbols.length]).join('');
}

/**
 * Writes `cli_ipc_info/user-<uid>` below the root, mode 0600, in the form that the Greengrass CLI reads: token and socket path. What
 * is in the folder goes first: tokens of an earlier start are worth nothing.
 */
export async function writeCliAccess(root: string, socketPath: string, uid: number, ids: Ids): Promise<CliAccess> {
  const folder = join(root, 'cli_ipc_info');
  const file = join(folder, `user-${uid}`);
  const token = newToken(ids);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o755 });
  await chmod(folder, 0o755);
  const content = JSON.stringify({ cli_auth_token: token, domain_socket_path: socketPath });
  // Whole for whoever reads it, and not synced: no token outlives a power cut.
  await writeFile(`${file}.tmp`, content, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
  return { token, principal: `greengrass-cli#user-${uid}`, close: () => rm(file, { force: true }) };
}
