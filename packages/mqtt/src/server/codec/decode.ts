import { malformed, protocolError, REASON, Violation } from '../reasons.ts';
import type { Frame } from './frames.ts';
import { ALLOWED, NO_BYTES, NO_PROPERTIES, type Properties, readProperties } from './properties.ts';
import { Reader } from './reader.ts';

/** 4 is MQTT 3.1.1. */
export type ProtocolVersion = 4 | 5;

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
  readonly properties: Properties;
  readonly passed: Buffer;
}

export interface ConnectPacket {
  readonly type: 'connect';
  readonly version: ProtocolVersion;
  readonly clean: boolean;
  readonly keepAliveSeconds: number;
  readonly clientId: string;
  readonly will: Will | undefined;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly properties: Properties;
}

export interface PublishPacket {
  readonly type: 'publish';
  /** Empty when the packet names its topic by alias alone. */
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 with QoS 0. */
  readonly packetId: number;
  readonly payload: Buffer;
  readonly properties: Properties;
  /** The bytes of the properties that go on to subscribers, in their order. */
  readonly passed: Buffer;
}

export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
}

export interface SubscribePacket {
  readonly type: 'subscribe';
  readonly packetId: number;
  readonly identifier: number | undefined;
  readonly requests: readonly SubscriptionRequest[];
}

export interface UnsubscribePacket {
  readonly type: 'unsubscribe';
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface DisconnectPacket {
  readonly type: 'disconnect';
  readonly reason: number;
  readonly properties: Properties;
}

export type InboundPacket =
  | PublishPacket
  | SubscribePacket
  | UnsubscribePacket
  | DisconnectPacket
  | { readonly type: 'puback'; readonly packetId: number }
  | { readonly type: 'pingreq' };

const CONNECT = 1;
const PUBLISH = 3;
const PUBACK = 4;
const SUBSCRIBE = 8;
const UNSUBSCRIBE = 10;
const PINGREQ = 12;
const DISCONNECT = 14;
const AUTH = 15;

/**
 * Decodes the first packet of a connection. Throws a `Violation`: unsupportedProtocolVersion for anything but MQTT 3.1.1
 * and 5 [v3 3.1.2-1 3.1.2-2] [v5 3.1.2-1 3.1.2-2], and one that only closes the connection for all else that is wrong
 * [v3 3.2.2-6].
 */
export function decodeConnect(frame: Frame): ConnectPacket {
  // The first packet from a client must be a CONNECT [v3 3.1.0-1] [v5 3.1.0-1].
  if (frame.header >> 4 !== CONNECT) throw protocolError('the first packet is not a CONNECT');
  if (frame.header !== 0x10) throw malformed('a reserved header flag is set');
  const reader = new Reader(frame.body);
  const name = reader.string();
  const version = reader.byte();
  if (name !== 'MQTT' || (version !== 4 && version !== 5)) {
    throw new Violation(REASON.unsupportedProtocolVersion, 'the protocol is not MQTT 3.1.1 or 5');
  }
  const flags = reader.byte();
  if (flags & 0x01) throw malformed('the reserved connect flag is set'); // [v3 3.1.2-3] [v5 3.1.2-3]
  const hasWill = (flags & 0x04) !== 0;
  const willQos = (flags >> 3) & 0x03;
  const willRetain = (flags & 0x20) !== 0;
  // [v3 3.1.2-11 3.1.2-13 3.1.2-14 3.1.2-15] [v5 3.1.2-11 3.1.2-12 3.1.2-13]
  if (willQos === 3 || (!hasWill && (willQos !== 0 || willRetain))) throw malformed('the will flags contradict');
  const hasPassword = (flags & 0x40) !== 0;
  const hasUsername = (flags & 0x80) !== 0;
  // [v3 3.1.2-22]; MQTT 5 allows a password alone.
  if (version === 4 && hasPassword && !hasUsername) throw malformed('a password without a user name');
  const keepAliveSeconds = reader.u16();
  const properties = version === 5 ? readProperties(reader, ALLOWED.connect) : NO_PROPERTIES;
  // The fields are there if their flags say so, in this order, and no others [v3 3.1.2-9 3.1.2-18 3.1.2-19 3.1.2-20 3.1.2-21
  // 3.1.3-1 3.1.3-3 3.1.3-4 3.1.3-10 3.1.3-11] [v5 3.1.2-9 3.1.2-16 3.1.2-17 3.1.2-18 3.1.2-19 3.1.3-1 3.1.3-3 3.1.3-4 3.1.3-11
  // 3.1.3-12].
  const clientId = reader.string();
  const will = hasWill ? decodeWill(reader, version, willQos, willRetain) : undefined;
  const username = hasUsername ? reader.string() : undefined;
  const password = hasPassword ? reader.binary() : undefined;
  reader.finish();
  const clean = (flags & 0x02) !== 0;
  return { type: 'connect', version, clean, keepAliveSeconds, clientId, will, username, password, properties };
}

function decodeWill(reader: Reader, version: ProtocolVersion, qos: number, retain: boolean): Will {
  const parts: Buffer[] = [];
  const properties = version === 5 ? readProperties(reader, ALLOWED.will, parts) : NO_PROPERTIES;
  const topic = reader.string();
  // The will outlives the packet by as long as the connection: copy it out of the chunk it came in.
  const payload = Buffer.from(reader.binary());
  return { topic, payload, qos, retain, properties, passed: parts.length > 0 ? Buffer.concat(parts) : NO_BYTES };
}

/** Decodes any later packet. Throws a `Violation` for what is malformed or must not come from a client. */
export function decode(frame: Frame, version: ProtocolVersion): InboundPacket {
  const flags = frame.header & 0x0f;
  const type = frame.header >> 4;
  if (type === PUBLISH) return decodePublish(flags, frame.body, version);
  // Reserved flags have the one value of the table [v3 2.2.2-2 3.8.1-1 3.10.1-1 3.14.1-1] [v5 2.1.3-1 3.8.1-1 3.10.1-1 3.14.1-1
  // 3.15.1-1].
  if (flags !== (type === SUBSCRIBE || type === UNSUBSCRIBE || type === 6 ? 0x02 : 0)) {
    throw malformed('a reserved header flag is set');
  }
  switch (type) {
    case PUBACK:
      return decodePuback(frame.body, version);
    case SUBSCRIBE:
      return decodeSubscribe(frame.body, version);
    case UNSUBSCRIBE:
      return decodeUnsubscribe(frame.body, version);
    case PINGREQ:
      if (frame.body.length !== 0) throw malformed('a PINGREQ has a body');
      return { type: 'pingreq' };
    case DISCONNECT:
      return decodeDisconnect(frame.body, version);
    case CONNECT:
      // [v3 3.1.0-2] [v5 3.1.0-2]
      throw protocolError('a second CONNECT');
    case AUTH:
      // No authentication method was agreed, so no AUTH may come.
      throw protocolError('an AUTH packet without an authentication method');
    default:
      throw protocolError(`packet type ${type} is not for this server`);
  }
}

function decodePublish(flags: number, body: Buffer, version: ProtocolVersion): PublishPacket {
  const qos = (flags >> 1) & 0x03;
  const dup = (flags & 0x08) !== 0;
  if (qos === 3) throw malformed('a PUBLISH of QoS 3'); // [v3 3.3.1-4] [v5 3.3.1-4]
  if (dup && qos === 0) throw malformed('DUP is set with QoS 0'); // [v3 3.3.1-2] [v5 3.3.1-2]
  const reader = new Reader(body);
  const topic = reader.string(); // [v3 3.3.2-1] [v5 3.3.2-1]
  const packetId = qos > 0 ? packetIdOf(reader) : 0;
  let properties: Properties = NO_PROPERTIES;
  let passed = NO_BYTES;
  if (version === 5) {
    const parts: Buffer[] = [];
    properties = readProperties(reader, ALLOWED.publish, parts);
    if (parts.length > 0) passed = Buffer.concat(parts);
  }
  const payload = reader.take(reader.left);
  return { type: 'publish', topic, qos, retain: (flags & 1) !== 0, dup, packetId, payload, properties, passed };
}

function decodePuback(body: Buffer, version: ProtocolVersion): InboundPacket {
  const reader = new Reader(body);
  const packetId = packetIdOf(reader);
  // The reason only says how the client liked the message: the delivery is complete either way.
  if (version === 5 && reader.left > 0) reader.byte();
  if (version === 5 && reader.left > 0) readProperties(reader, ALLOWED.puback);
  reader.finish();
  return { type: 'puback', packetId };
}

function decodeSubscribe(body: Buffer, version: ProtocolVersion): SubscribePacket {
  const reader = new Reader(body);
  const packetId = packetIdOf(reader);
  const properties = version === 5 ? readProperties(reader, ALLOWED.subscribe) : NO_PROPERTIES;
  const requests: SubscriptionRequest[] = [];
  while (reader.left > 0) {
    const filter = reader.string(); // [v3 3.8.3-1] [v5 3.8.3-1]
    const options = reader.byte();
    const qos = options & 0x03;
    const retainHandling = (options >> 4) & 0x03;
    const reserved = version === 5 ? options & 0xc0 : options & 0xfc;
    if (reserved !== 0 || qos === 3) throw malformed('reserved subscription options are set'); // [v3 3.8.3-4] [v5 3.8.3-5]
    if (retainHandling === 3) throw protocolError('retain handling is 3');
    const noLocal = (options & 0x04) !== 0;
    // [v5 3.8.3-4]
    if (noLocal && filter.startsWith('$share/')) throw protocolError('No Local on a shared subscription');
    requests.push({ filter, qos, noLocal, retainAsPublished: (options & 0x08) !== 0, retainHandling });
  }
  if (requests.length === 0) throw protocolError('a SUBSCRIBE without a filter'); // [v3 3.8.3-3] [v5 3.8.3-2]
  return { type: 'subscribe', packetId, identifier: properties.subscriptionIdentifier, requests };
}

function decodeUnsubscribe(body: Buffer, version: ProtocolVersion): UnsubscribePacket {
  const reader = new Reader(body);
  const packetId = packetIdOf(reader);
  if (version === 5) readProperties(reader, ALLOWED.unsubscribe);
  const filters: string[] = [];
  while (reader.left > 0) filters.push(reader.string()); // [v3 3.10.3-1] [v5 3.10.3-1]
  if (filters.length === 0) throw protocolError('an UNSUBSCRIBE without a filter'); // [v3 3.10.3-2] [v5 3.10.3-2]
  return { type: 'unsubscribe', packetId, filters };
}

function decodeDisconnect(body: Buffer, version: ProtocolVersion): DisconnectPacket {
  const reader = new Reader(body);
  const reason = version === 5 && reader.left > 0 ? reader.byte() : REASON.success;
  const properties = version === 5 && reader.left > 0 ? readProperties(reader, ALLOWED.disconnect) : NO_PROPERTIES;
  reader.finish();
  return { type: 'disconnect', reason, properties };
}

function packetIdOf(reader: Reader): number {
  const packetId = reader.u16();
  if (packetId === 0) throw protocolError('packet identifier 0'); // [v3 2.3.1-1]
  return packetId;
}
