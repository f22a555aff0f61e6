import { closeSync, lstatSync, openSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Fault } from '@greensward/kit';

/** Bytes that the address of a Unix socket may have: `sun_path` without its end. Node cuts what is longer, silently. */
const maxAddressBytes = 107;

/** An address for a socket file, however long its path is. */
export interface SocketAddress {
  readonly address: string;
  /** Gives back what the address needs; after the socket is closed. */
  release(): void;
}

/**
 * The path itself, or a short way to its folder where it is too long. The reference makes a link in its working folder for that;
 * a way through an open folder leaves nothing behind.
 *
 * @throws Fault `SOCKET_PATH_TOO_LONG` where there is no such way.
 */
export function socketAddress(path: string): SocketAddress {
  if (Buffer.byteLength(path) <= maxAddressBytes) return { address: path, release: () => {} };
  if (process.platform !== 'linux') {
    const problem = `the path of the IPC socket is longer than ${maxAddressBytes} bytes: ${path}`;
    throw new Fault('SOCKET_PATH_TOO_LONG', problem);
  }
  const folder = openSync(dirname(path), 'r');
  return { address: join('/proc/self/fd', String(folder), basename(path)), release: () => closeSync(folder) };
}

/**
 * Removes the socket of a runtime that died.
 *
 * @throws Fault `SOCKET_PATH_TAKEN` when something else is there.
 */
export function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Fault('SOCKET_PATH_TAKEN', `${path} is there and is not a socket: remove it`);
  rmSync(path);
}
