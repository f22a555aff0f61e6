import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { Fault, type Log, messageOf } from '@greensward/kit';
import { IpcConnection, type IpcConnectionDeps } from './ipc-connection.ts';
import { removeStaleSocket, socketAddress } from './socket-address.ts';

export interface IpcServerOptions extends IpcConnectionDeps {
  /** Of the socket file; its folder exists. */
  readonly path: string;
  readonly log: Log;
}

export interface IpcServer {
  /** Ends every connection and removes the socket file. */
  close(): Promise<void>;
}

/** Connections in all, and of one principal: a client that opens more is left, others are not touched. */
const maxConnections = 256;
const maxOfPrincipal = 32;

/**
 * Listens on a Unix socket that only the user of the runtime can open.
 *
 * @throws Fault `SOCKET_PATH_TOO_LONG`, `SOCKET_PATH_TAKEN`; what the operating system says otherwise.
 */
export async function startIpcServer(options: IpcServerOptions): Promise<IpcServer> {
  const { path, log } = options;
  removeStaleSocket(path);
  const { address, release } = socketAddress(path);
  const connections = new Set<IpcConnection>();
  const byPrincipal = new Map<string, number>();
  const deps: IpcConnectionDeps = {
    ...options,
    authenticate(token) {
      const principal = options.authenticate(token);
      const open = principal === undefined ? 0 : (byPrincipal.get(principal) ?? 0);
      if (principal === undefined || open >= maxOfPrincipal) return undefined;
      byPrincipal.set(principal, open + 1);
      return principal;
    },
  };
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    const connection = new IpcConnection(socket, deps, (principal) => {
      connections.delete(connection);
      if (principal === undefined) return;
      const left = (byPrincipal.get(principal) ?? 1) - 1;
      if (left > 0) byPrincipal.set(principal, left);
      else byPrincipal.delete(principal);
    });
    connections.add(connection);
  });
  server.maxConnections = maxConnections;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, resolve);
    });
  } catch (error) {
    release();
    throw new Fault('SOCKET_UNUSABLE', `${path}: ${messageOf(error)}`, { cause: error });
  }
  // Until here it has the mode that the umask leaves, which lets nobody else write to it.
  chmodSync(path, 0o600);
  server.on('error', (error) => log.error('the IPC socket failed', { reason: messageOf(error) }));
  return {
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const connection of connections) connection.destroy();
      await closed;
      release();
    },
  };
}
