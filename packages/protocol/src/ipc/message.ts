import { isJsonObject } from '@greensward/kit';
import { parseJson } from '../walker/json.ts';
import { encodeFrame, type Frame } from './frame.ts';
import type { Headers, HeaderValue, OutgoingHeaders } from './headers.ts';

/** `:message-type` of the event-stream RPC protocol. */
export const messageTypes = {
  application: 0,
  applicationError: 1,
  ping: 2,
  pingResponse: 3,
  connect: 4,
  connectAck: 5,
  protocolError: 6,
  internalError: 7,
} as const;

/** Bits of `:message-flags`. */
export const messageFlags = { connectionAccepted: 1, terminateStream: 2 } as const;

/** The one version of the protocol. */
const version = '0.1.0';

/** Before the name of every operation and shape. */
export const namespace = 'aws.greengrass#';

/** A frame as the protocol reads it. */
export interface IpcMessage {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection itself. */
  readonly streamId: number;
  /** All headers, names in lower case: clients do not agree on the case of those they know. */
  readonly headers: Headers;
  readonly payload: Uint8Array;
}

/** Undefined when one of the three headers that every message has is missing or no int32. */
export function messageOfFrame({ headers, payload }: Frame): IpcMessage | undefined {
  const lower = new Map<string, HeaderValue>();
  for (const [name, value] of headers) lower.set(name.toLowerCase(), value);
  const [type, flags, streamId] = [':message-type', ':message-flags', ':stream-id'].map((name) => {
    const header = lower.get(name);
    return header?.type === 'int32' ? header.value : undefined;
  });
  if (type === undefined || flags === undefined || streamId === undefined) return undefined;
  return { type, flags, streamId, headers: lower, payload };
}

/** The text of a string header. */
export function textHeader({ headers }: Pick<IpcMessage, 'headers'>, name: string): string | undefined {
  const header = headers.get(name);
  return header?.type === 'string' ? header.value : undefined;
}

export function isTerminate({ flags }: Pick<IpcMessage, 'flags'>): boolean {
  return (flags & messageFlags.terminateStream) !== 0;
}

/** The token of a CONNECT; undefined when the version is another one, or there is no token in it. */
export function connectToken(message: IpcMessage): string | undefined {
  if (textHeader(message, ':version') !== version) return undefined;
  const parsed = parseJson(message.payload);
  if (!('value' in parsed) || !isJsonObject(parsed.value)) return undefined;
  const token = parsed.value['authToken'];
  return typeof token === 'string' && token !== '' ? token : undefined;
}

type Bytes = Uint8Array<ArrayBuffer>;

const none = new Uint8Array();
const utf8 = (text: string) => new TextEncoder().encode(text);

function frame(type: number, flags: number, streamId: number, more: OutgoingHeaders, payload: Uint8Array): Bytes {
  const control: OutgoingHeaders = [
    [':message-type', type],
    [':message-flags', flags],
    [':stream-id', streamId],
  ];
  return encodeFrame([...more, ...control], payload);
}

export function connectFrame(authToken: string): Bytes {
  return frame(messageTypes.connect, 0, 0, [[':version', version]], utf8(JSON.stringify({ authToken })));
}

export function connectAckFrame(accepted: boolean): Bytes {
  return frame(messageTypes.connectAck, accepted ? messageFlags.connectionAccepted : 0, 0, [], none);
}

/** The first message of a stream. `operation` without its namespace. */
export function requestFrame(streamId: number, operation: string, payload: Uint8Array): Bytes {
  const headers: OutgoingHeaders = [
    ['operation', `${namespace}${operation}`],
    ['service-model-type', `${namespace}${operation}Request`],
    [':content-type', 'application/json'],
  ];
  return frame(messageTypes.application, 0, streamId, headers, payload);
}

/** An answer or an event. `last`: it ends the stream, as the one answer of a call does. */
export function responseFrame(streamId: number, shape: string, payload: Uint8Array, last: boolean): Bytes {
  const flags = last ? messageFlags.terminateStream : 0;
  return frame(messageTypes.application, flags, streamId, shapeHeaders(shape), payload);
}

/** An error of the service model; it ends the stream. */
export function errorFrame(streamId: number, shape: string, payload: Uint8Array): Bytes {
  const { applicationError } = messageTypes;
  return frame(applicationError, messageFlags.terminateStream, streamId, shapeHeaders(shape), payload);
}

function shapeHeaders(shape: string): OutgoingHeaders {
  return [
    [':content-type', 'application/json'],
    ['service-model-type', `${namespace}${shape}`],
  ];
}

/** What a peer that breaks the protocol is told before it is left. */
export function protocolErrorFrame(text: string): Bytes {
  const payload = utf8(JSON.stringify({ message: text }));
  return frame(messageTypes.protocolError, 0, 0, [[':content-type', 'application/json']], payload);
}

/** The same payload, and the headers that are the sender's own, as far as we send their types. */
export function pingResponseFrame(ping: IpcMessage): Bytes {
  const own: (readonly [string, number | string])[] = [];
  for (const [name, header] of ping.headers) {
    if (!name.startsWith(':') && (header.type === 'int32' || header.type === 'string')) own.push([name, header.value]);
  }
  return frame(messageTypes.pingResponse, 0, 0, own, ping.payload);
}
