import {
  connectAckFrame,
  connectToken,
  type IpcMessage,
  isTerminate,
  messageTypes,
  namespace,
  pingResponseFrame,
  protocolErrorFrame,
  textHeader,
} from '@greensward/protocol/ipc';

/** What a connection is to do next. */
export type Step =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Look up who has this token, and tell `authenticated`. */
  | { readonly kind: 'authenticate'; readonly token: string | undefined }
  | { readonly kind: 'call'; readonly streamId: number; readonly operation: string; readonly payload: Uint8Array }
  /** The client has given up a call. */
  | { readonly kind: 'cancel'; readonly streamId: number }
  /** Close once everything is sent. `gently`: leave the client a moment to read before. */
  | { readonly kind: 'close'; readonly gently: boolean };

const connectFirst =
  'A CONNECT message must be received, and the CONNECT_ACK must be sent in response, before any other message-types can be sent on this connection. In addition, only one CONNECT message is allowed on a connection.';
const missingHeaders =
  'A message was received with missing required fields. Check that your client is sending at least, :message-type, :message-flags, and :stream-id';
const wrongType = 'an invalid value for message-type field was received.';
const streamOrder =
  'stream-id values must be monotonically incrementing. A stream-id arrived that was lower than the last seen stream-id.';
const noOperation = 'The first message for on a non-zero :stream-id must contain an operation header value.';

/**
 * The server's half of one connection, without the connection: what a message means, in the order of the protocol. The texts are
 * those of the reference. Modes: `connecting` (only CONNECT is understood), `asking` (the token is being looked up), `open`,
 * `closed` (nothing is answered any more). Streams that a client opened and nobody ended are `open`.
 */
export class IpcSession {
  #mode: 'connecting' | 'asking' | 'open' | 'closed' = 'connecting';
  #lastStream = 0;
  readonly #streams = new Set<number>();

  /** True once the client is known: from then on it is trusted with large frames. */
  get isOpen(): boolean {
    return this.#mode === 'open';
  }

  /** Calls that have not been answered. */
  get calls(): number {
    return this.#streams.size;
  }

  /** `undefined`: a frame without the headers that every message has. */
  receive(message: IpcMessage | undefined): readonly Step[] {
    if (this.#mode === 'closed') return [];
    if (message === undefined) return this.#refuse(missingHeaders);
    if (this.#mode === 'connecting' && message.type === messageTypes.connect && message.streamId === 0) {
      this.#mode = 'asking';
      return [{ kind: 'authenticate', token: connectToken(message) }];
    }
    if (this.#mode !== 'open' || message.type === messageTypes.connect) return this.#refuse(connectFirst);
    return message.streamId === 0 ? this.#onConnection(message) : this.#onStream(message);
  }

  /** Rejection is an acknowledgement without the flag: why is not said. */
  authenticated(accepted: boolean): readonly Step[] {
    if (this.#mode !== 'asking') return [];
    this.#mode = accepted ? 'open' : 'closed';
    const ack: Step = { kind: 'send', bytes: connectAckFrame(accepted) };
    return accepted ? [ack] : [ack, { kind: 'close', gently: true }];
  }

  /** The call is answered, and its stream ended; false when the client has given it up before. */
  answered(streamId: number): boolean {
    return this.#streams.delete(streamId) && this.#mode === 'open';
  }

  #onConnection(message: IpcMessage): readonly Step[] {
    switch (message.type) {
      case messageTypes.ping:
        return [{ kind: 'send', bytes: pingResponseFrame(message) }];
      case messageTypes.pingResponse:
        return [];
      case messageTypes.protocolError:
      case messageTypes.internalError:
        // The sender closes afterwards; so do we.
        this.#mode = 'closed';
        return [{ kind: 'close', gently: false }];
      default:
        return this.#refuse(wrongType);
    }
  }

  #onStream(message: IpcMessage): readonly Step[] {
    const { streamId } = message;
    if (message.type !== messageTypes.application && message.type !== messageTypes.applicationError)
      return this.#refuse(wrongType);
    if (this.#streams.has(streamId)) {
      // No operation of the model has events from the client.
      if (!isTerminate(message)) return [];
      this.#streams.delete(streamId);
      return [{ kind: 'cancel', streamId }];
    }
    // Of a stream that ended on both sides at once.
    if (streamId > 0 && streamId <= this.#lastStream && isTerminate(message)) return [];
    if (streamId <= this.#lastStream) return this.#refuse(streamOrder);
    this.#lastStream = streamId;
    const operation = textHeader(message, 'operation');
    if (operation === undefined) return this.#refuse(noOperation);
    if (isTerminate(message)) return [];
    this.#streams.add(streamId);
    const name = operation.startsWith(namespace) ? operation.slice(namespace.length) : operation;
    return [{ kind: 'call', streamId, operation: name, payload: message.payload }];
  }

  #refuse(text: string): readonly Step[] {
    this.#mode = 'closed';
    return [
      { kind: 'send', bytes: protocolErrorFrame(text) },
      { kind: 'close', gently: true },
    ];
  }
}
