import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault, isJsonObject, messageOf } from '@greensward/kit';
import {
  connectFrame,
  FrameReader,
  type IpcMessage,
  type IpcOperation,
  maxFrameBytes,
  messageFlags,
  messageOfFrame,
  messageTypes,
  readError,
  readResponse,
  requestFrame,
  textHeader,
  writeRequest,
} from '@greensward/protocol/ipc';

/** What the Greengrass CLI waits for an answer. */
const answerMs = 60_000;
/** Bytes that the address of a Unix socket may have. */
const maxAddressBytes = 107;

/** A connection to the device runtime of a root folder. */
export interface DeviceClient {
  /** @throws Fault with the code of the runtime's error, or `NotRunning`. */
  call<I, O>(operation: IpcOperation<I, O>, input: I): Promise<O>;
  close(): void;
}

/**
 * Connects to the runtime of `root` with the token that it left for us.
 *
 * @throws Fault `NotRunning` when nothing runs there, `NotAllowed` when it is another user's.
 */
async function openDevice(root: string): Promise<DeviceClient> {
  const access = readAccess(resolve(root));
  const address = socketAddress(access.socketPath);
  const socket = connect(address.path);
  const messages = new Messages(socket, root, address.release);
  socket.write(connectFrame(access.token));
  const ack = await messages.next();
  if (ack.type !== messageTypes.connectAck || (ack.flags & messageFlags.connectionAccepted) === 0) {
    socket.destroy();
    throw new Fault(
      'NotAllowed',
      `the device runtime in ${root} does not take our token: it was started anew just now`,
    );
  }
  let streamId = 0;
  return {
    async call(operation, input) {
      streamId += 1;
      socket.write(requestFrame(streamId, operation.name, writeRequest(operation, input)));
      const answer = await messages.next();
      if (answer.type === messageTypes.application) return readResponse(operation, answer.payload);
      throw readError(textHeader(answer, 'service-model-type'), answer.payload);
    },
    close: () => socket.destroy(),
  };
}

/** Runs `work` on a connection of its own. */
export async function withDevice<T>(root: string, work: (client: DeviceClient) => Promise<T>): Promise<T> {
  const client = await openDevice(root);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** The messages of a socket, asked for one after the other. */
class Messages {
  readonly #reader = new FrameReader();
  readonly #root: string;
  readonly #waiting: { resolve(message: IpcMessage): void; reject(error: unknown): void }[] = [];
  readonly #come: IpcMessage[] = [];
  #failure: unknown;

  constructor(socket: Socket, root: string, release: () => void) {
    this.#root = root;
    socket.setTimeout(answerMs, () => socket.destroy(new Error(`no answer within ${answerMs / 1000} s`)));
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#reader.push(chunk);
        for (let frame = this.#reader.next(maxFrameBytes); frame; frame = this.#reader.next(maxFrameBytes)) {
          const message = messageOfFrame(frame);
          if (message !== undefined) this.#take(message);
        }
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(messageOf(error)));
      }
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      release();
      this.#fail(new Error('the connection was closed'));
    });
  }

  next(): Promise<IpcMessage> {
    const message = this.#come.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #take(message: IpcMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#come.push(message);
    else waiting.resolve(message);
  }

  #fail(cause: unknown): void {
    this.#failure ??= new Fault(
      'NotRunning',
      `the device runtime in ${this.#root} cannot be reached: ${messageOf(cause)}`,
      {
        cause,
      },
    );
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

function readAccess(root: string): { readonly token: string; readonly socketPath: string } {
  const folder = join(root, 'cli_ipc_info');
  const own = `user-${process.getuid?.() ?? 0}`;
  let files: string[];
  try {
    files = readdirSync(folder).filter((name) => /^(user|group)-\d+$/.test(name));
  } catch (cause) {
    throw new Fault('NotRunning', `no device runtime runs in ${root}`, { cause });
  }
  if (files.length === 0) throw new Fault('NotRunning', `no device runtime runs in ${root}`);
  for (const file of [own, ...files.filter((name) => name !== own)]) {
    try {
      const info: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      if (!isJsonObject(info)) continue;
      const { cli_auth_token: token, domain_socket_path: socketPath } = info;
      if (typeof token === 'string' && typeof socketPath === 'string') return { token, socketPath };
    } catch {
      // Not ours to read: another one may be.
    }
  }
  throw new Fault('NotAllowed', `the device runtime in ${root} belongs to another user (${files.join(', ')})`);
}

/** The reference makes a link for a path that is too long; a way through an open folder leaves nothing behind. */
function socketAddress(path: string): { readonly path: string; release(): void } {
  if (Buffer.byteLength(path) <= maxAddressBytes || process.platform !== 'linux') return { path, release: () => {} };
  const folder = openSync(dirname(path), 'r');
  return { path: join('/proc/self/fd', String(folder), basename(path)), release: () => closeSync(folder) };
}
