import type { Socket } from 'node:net';
import { type Cancel, type Log, messageOf, type Timers } from '@greensward/kit';
import { FrameReader, maxFrameBytes, messageOfFrame } from '@greensward/protocol/ipc';
import { answerFrame, type IpcHandlers } from './ipc-handlers.ts';
import { IpcSession, type Step } from './ipc-session.ts';

export interface IpcConnectionDeps {
  readonly handlers: IpcHandlers;
  readonly log: Log;
  readonly timers: Timers;
  /** The principal of a token; undefined when it is nobody's, or may not connect once more. */
  authenticate(token: string): string | undefined;
}

/** What someone unknown may send: a CONNECT is a few hundred bytes. */
const maxFirstFrameBytes = 16 * 1024;
/** A client that has not said who it is by then is left. */
const connectMs = 10_000;
/** What a client gets to read before it is left; one that is left at once reports another error. */
const lingerMs = 100;
/** Calls of one connection at a time; more wait in the socket, so that they cost the client alone. */
const maxCalls = 64;
/** Answers that wait for a client to read them, in bytes; above this nothing more is read from it. */
const maxUnread = 1024 * 1024;

/**
 * One client: its bytes become messages, the session says what they mean, and the calls among them are answered. What a client
 * sends faster than it is answered, or does not read, stays in its socket: memory a connection is bounded by one frame, the
 * answers of `maxCalls`, and `maxUnread`.
 */
export class IpcConnection {
  readonly #socket: Socket;
  readonly #deps: IpcConnectionDeps;
  readonly #session = new IpcSession();
  readonly #reader = new FrameReader();
  readonly #calls = new Map<number, AbortController>();
  #principal: string | undefined;
  #cancelTimer: Cancel;
  #closing = false;

  constructor(socket: Socket, deps: IpcConnectionDeps, onClosed: (principal: string | undefined) => void) {
    this.#socket = socket;
    this.#deps = deps;
    this.#cancelTimer = deps.timers.after(connectMs, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      if (this.#closing) return;
      this.#reader.push(chunk);
      this.#read();
    });
    socket.on('drain', () => this.#read());
    socket.on('error', (error) => deps.log.debug('an IPC connection failed', { reason: messageOf(error) }));
    socket.on('close', () => {
      this.#closing = true;
      this.#cancelTimer();
      for (const call of this.#calls.values()) call.abort(new Error('the client is gone'));
      this.#calls.clear();
      onClosed(this.#principal);
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes what has come, as far as it is to be taken now. */
  #read(): void {
    try {
      while (!this.#closing && !this.#isBusy()) {
        const frame = this.#reader.next(this.#session.isOpen ? maxFrameBytes : maxFirstFrameBytes);
        if (frame === undefined) break;
        this.#run(this.#session.receive(messageOfFrame(frame)));
      }
    } catch (error) {
      // Of a stream of bytes that cannot be followed there is nothing to answer.
      this.#deps.log.debug('an IPC client sent what is no message', { reason: messageOf(error) });
      this.#socket.destroy();
      return;
    }
    if (this.#isBusy()) this.#socket.pause();
    else this.#socket.resume();
  }

  #isBusy(): boolean {
    return this.#session.calls >= maxCalls || this.#socket.writableLength > maxUnread;
  }

  #run(steps: readonly Step[]): void {
    for (const step of steps) {
      switch (step.kind) {
        case 'send':
          this.#socket.write(step.bytes);
          break;
        case 'authenticate':
          this.#authenticate(step.token);
          break;
        case 'call':
          void this.#answer(step);
          break;
        case 'cancel':
          this.#calls.get(step.streamId)?.abort(new Error('the client gave it up'));
          this.#calls.delete(step.streamId);
          break;
        case 'close':
          this.#close(step.gently);
          break;
      }
    }
  }

  #authenticate(token: string | undefined): void {
    this.#principal = token === undefined ? undefined : this.#deps.authenticate(token);
    if (this.#principal !== undefined) this.#cancelTimer();
    this.#run(this.#session.authenticated(this.#principal !== undefined));
  }

  async #answer(request: Step & { readonly kind: 'call' }): Promise<void> {
    const abort = new AbortController();
    this.#calls.set(request.streamId, abort);
    const call = { principal: this.#principal ?? '', signal: abort.signal };
    const bytes = await answerFrame(this.#deps.handlers, this.#deps.log, request, call);
    this.#calls.delete(request.streamId);
    if (this.#session.answered(request.streamId) && !this.#closing) this.#socket.write(bytes);
    if (!this.#closing) this.#read();
  }

  #close(gently: boolean): void {
    this.#closing = true;
    this.#cancelTimer();
    if (!gently) {
      this.#socket.end();
      this.#socket.destroySoon();
      return;
    }
    // What it still sends is dropped; when it closes itself, so does this end.
    this.#socket.resume();
    this.#cancelTimer = this.#deps.timers.after(lingerMs, () => {
      this.#socket.end();
      // One that never reads must not hold the connection.
      this.#cancelTimer = this.#deps.timers.after(connectMs, () => this.#socket.destroy());
    });
  }
}
