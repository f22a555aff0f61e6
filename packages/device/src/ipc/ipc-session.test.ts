import {
  connectFrame,
  FrameReader,
  type IpcMessage,
  maxFrameBytes,
  messageFlags,
  messageOfFrame,
  messageTypes,
  requestFrame,
} from '@greensward/protocol/ipc';
import { describe, expect, test } from 'vitest';
import { IpcSession, type Step } from './ipc-session.ts';

function message(bytes: Uint8Array): IpcMessage {
  const reader = new FrameReader();
  reader.push(bytes);
  const frame = reader.next(maxFrameBytes);
  const read = frame && messageOfFrame(frame);
  if (read === undefined) throw new Error('no message');
  return read;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const connect = message(connectFrame('TOKEN'));
const call = (streamId: number, operation = 'ListComponents') =>
  message(requestFrame(streamId, operation, new Uint8Array()));
const end = (streamId: number): IpcMessage => ({
  type: messageTypes.application,
  flags: messageFlags.terminateStream,
  streamId,
  headers: new Map(),
  payload: new Uint8Array(),
});
const other = (type: number, streamId = 0): IpcMessage => ({ ...end(streamId), type, flags: 0 });

function open(): IpcSession {
  const session = new IpcSession();
  session.receive(connect);
  session.authenticated(true);
  return session;
}

/** What was answered, for reading: kinds, and the message in each frame that was sent. */
function shown(steps: readonly Step[]): string[] {
  return steps.map((step) => {
    if (step.kind !== 'send') return step.kind;
    const { type, payload } = message(step.bytes);
    return type === messageTypes.protocolError ? `error ${JSON.parse(text(payload)).message}` : `send ${type}`;
  });
}

describe('before the connection is accepted', () => {
  test('CONNECT asks who it is, and is acknowledged once', () => {
    const session = new IpcSession();
    expect(session.receive(connect)).toEqual([{ kind: 'authenticate', token: 'TOKEN' }]);
    const [ack] = session.authenticated(true);
    expect(ack?.kind === 'send' && message(ack.bytes)).toMatchObject({ type: 5, flags: 1, streamId: 0 });
    expect(session.isOpen).toBe(true);
  });

  test('one that is not accepted gets an acknowledgement without the flag, and time to read it', () => {
    const session = new IpcSession();
    session.receive(connect);
    const [ack, close] = session.authenticated(false);
    expect(ack?.kind === 'send' && message(ack.bytes)).toMatchObject({ type: 5, flags: 0 });
    expect(close).toEqual({ kind: 'close', gently: true });
    expect(session.receive(call(1))).toEqual([]);
  });

  test.each([
    ['no version', new Map(), '{"authToken":"T"}'],
    ['another version', new Map([[':version', { type: 'string', value: '0.2.0' }]]), '{"authToken":"T"}'],
    ['a version that is no text', new Map([[':version', { type: 'int32', value: 1 }]]), '{"authToken":"T"}'],
    ['no payload', connect.headers, ''],
    ['no JSON', connect.headers, '{'],
    ['a list', connect.headers, '[]'],
    ['a token that is a number', connect.headers, '{"authToken":1}'],
    ['an empty token', connect.headers, '{"authToken":""}'],
  ])('CONNECT with %s has no token', (_what, headers, payload) => {
    const sent: IpcMessage = {
      ...connect,
      headers: new Map<string, never>(headers as Iterable<[string, never]>),
      payload: new TextEncoder().encode(payload),
    };
    expect(new IpcSession().receive(sent)).toEqual([{ kind: 'authenticate', token: undefined }]);
  });

  test.each([
    ['a call', call(1)],
    ['a ping', other(messageTypes.ping)],
    ['CONNECT on a stream', { ...connect, streamId: 1 }],
  ])('%s is an error of the protocol', (_what, sent) => {
    expect(shown(new IpcSession().receive(sent))).toEqual([
      expect.stringContaining('error A CONNECT message must be received'),
      'close',
    ]);
  });

  test('a message without the three headers is one too', () => {
    expect(shown(new IpcSession().receive(undefined))[0]).toContain('missing required fields');
  });

  test('nothing may be sent while the token is being looked up', () => {
    const session = new IpcSession();
    session.receive(connect);
    expect(shown(session.receive(call(1)))).toEqual([expect.stringContaining('error A CONNECT'), 'close']);
  });
});

describe('calls', () => {
  test('are run with their operation, and ended by the answer', () => {
    const session = open();
    expect(session.receive(call(1))).toMatchObject([{ kind: 'call', streamId: 1, operation: 'ListComponents' }]);
    expect(session.calls).toBe(1);
    expect(session.answered(1)).toBe(true);
    expect(session.calls).toBe(0);
  });

  test('may leave out numbers, but not go back', () => {
    const session = open();
    expect(shown(session.receive(call(3)))).toEqual(['call']);
    expect(shown(session.receive(call(2)))).toEqual([expect.stringContaining('monotonically incrementing'), 'close']);
  });

  test('that the client gives up are cancelled, and not answered', () => {
    const session = open();
    session.receive(call(1));
    expect(session.receive(end(1))).toEqual([{ kind: 'cancel', streamId: 1 }]);
    expect(session.answered(1)).toBe(false);
  });

  test('that ended on both sides at once are no error', () => {
    const session = open();
    session.receive(call(1));
    session.answered(1);
    expect(session.receive(end(1))).toEqual([]);
  });

  test('that begin with their end are not run', () => {
    const session = open();
    expect(session.receive({ ...call(1), flags: messageFlags.terminateStream })).toEqual([]);
    expect(shown(session.receive(call(1)))[0]).toContain('monotonically');
  });

  test('without an operation, or with a negative stream, are an error', () => {
    expect(shown(open().receive(other(messageTypes.application, 1)))[0]).toContain('operation header');
    expect(shown(open().receive({ ...call(1), streamId: -1 }))[0]).toContain('monotonically');
  });

  test('have names in any case of the header, with or without the namespace', () => {
    const headers = new Map([['operation', { type: 'string' as const, value: 'ListComponents' }]]);
    expect(open().receive({ ...call(1), headers })).toMatchObject([{ operation: 'ListComponents' }]);
  });
});

describe('on the connection itself', () => {
  test('a ping is answered with its payload and its own headers', () => {
    const headers = new Map([
      [':x', { type: 'string' as const, value: 'no' }],
      ['own', { type: 'string' as const, value: 'yes' }],
    ]);
    const payload = Uint8Array.of(1, 2);
    const [answer] = open().receive({ ...other(messageTypes.ping), headers, payload });
    const sent = answer?.kind === 'send' ? message(answer.bytes) : undefined;
    expect(sent).toMatchObject({ type: messageTypes.pingResponse, flags: 0, streamId: 0 });
    expect(sent && [...sent.payload]).toEqual([1, 2]);
    expect(sent?.headers.get('own')).toEqual({ type: 'string', value: 'yes' });
    expect(sent?.headers.has(':x')).toBe(false);
  });

  test.each([
    ['a second CONNECT', connect, 'A CONNECT message must be received'],
    ['data without a stream', other(messageTypes.application), 'invalid value for message-type'],
    ['a ping on a stream', other(messageTypes.ping, 1), 'invalid value for message-type'],
    ['a type there is none of', other(99), 'invalid value for message-type'],
  ])('%s is an error of the protocol, and the last thing that is answered', (_what, sent, problem) => {
    const session = open();
    expect(shown(session.receive(sent))).toEqual([expect.stringContaining(problem), 'close']);
    expect(session.receive(call(1))).toEqual([]);
  });

  test.each([messageTypes.protocolError, messageTypes.internalError])(
    'an error of the client (%i) closes it',
    (type) => {
      expect(open().receive(other(type))).toEqual([{ kind: 'close', gently: false }]);
    },
  );
});
