import { Fault } from '@greensward/kit';
import { malformed, protocolError } from '../reasons.ts';
import type { Reader } from './reader.ts';

/** Properties of a PUBLISH that travel with the message (MQTT 5, 3.3.2.3). */
export interface MessageProperties {
  /** True when the payload is declared to be UTF-8 text. */
  readonly payloadFormatIndicator?: boolean;
  /** Lifetime in seconds. */
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  /** In their order, which MQTT keeps; a name may occur more than once. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
}

/** What a property section of a client's packet held. Durations are seconds. */
export interface Properties {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  userProperties?: [string, string][];
  subscriptionIdentifier?: number;
  sessionExpiryInterval?: number;
  authenticationMethod?: string;
  requestProblemInformation?: boolean;
  willDelayInterval?: number;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumPacketSize?: number;
}

export const NO_PROPERTIES: Readonly<Properties> = Object.freeze({});
export const NO_BYTES: Buffer = Buffer.alloc(0);

const ID = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  sessionExpiryInterval: 0x11,
  authenticationMethod: 0x15,
  authenticationData: 0x16,
  requestProblemInformation: 0x17,
  willDelayInterval: 0x18,
  requestResponseInformation: 0x19,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
} as const;

const MESSAGE = [
  ID.payloadFormatIndicator,
  ID.messageExpiryInterval,
  ID.contentType,
  ID.responseTopic,
  ID.correlationData,
  ID.userProperty,
];

/** The properties a packet of a client may carry (MQTT 5, table 2-4). */
export const ALLOWED = {
  connect: new Set<number>([
    ID.sessionExpiryInterval,
    ID.receiveMaximum,
    ID.maximumPacketSize,
    ID.topicAliasMaximum,
    ID.requestResponseInformation,
    ID.requestProblemInformation,
    ID.userProperty,
    ID.authenticationMethod,
    ID.authenticationData,
  ]),
  will: new Set<number>([...MESSAGE, ID.willDelayInterval]),
  publish: new Set<number>([...MESSAGE, ID.topicAlias]),
  puback: new Set<number>([ID.reasonString, ID.userProperty]),
  subscribe: new Set<number>([ID.subscriptionIdentifier, ID.userProperty]),
  unsubscribe: new Set<number>([ID.userProperty]),
  disconnect: new Set<number>([ID.sessionExpiryInterval, ID.reasonString, ID.userProperty]),
} as const;

/**
 * Properties a server sends on unaltered, as the bytes they came in, and so in their order [v5 3.3.2-4 3.3.2-15 3.3.2-16
 * 3.3.2-17 3.3.2-18 3.3.2-20 3.1.3-10].
 */
const PASSED = new Set<number>([
  ID.payloadFormatIndicator,
  ID.contentType,
  ID.responseTopic,
  ID.correlationData,
  ID.userProperty,
]);

/**
 * Reads a property section. `passed`, when given, receives the bytes of the properties that a forwarded message keeps,
 * in their order. A property that occurs twice, is not allowed here or has a value outside its range is a `Violation`.
 */
export function readProperties(packet: Reader, allowed: ReadonlySet<number>, passed?: Buffer[]): Properties {
  const length = packet.varint();
  if (length === 0) return NO_PROPERTIES;
  const reader = packet.section(length);
  const properties: Properties = {};
  const seen = new Set<number>();
  while (reader.left > 0) {
    const start = reader.at;
    const id = reader.varint();
    if (!allowed.has(id)) throw malformed(`property 0x${id.toString(16)} does not belong here`);
    if (id !== ID.userProperty) {
      if (seen.has(id)) throw protocolError(`property 0x${id.toString(16)} occurs twice`);
      seen.add(id);
    }
    readProperty(id, reader, properties);
    if (passed && PASSED.has(id)) passed.push(reader.bytes.subarray(start, reader.at));
  }
  return properties;
}

function readProperty(id: number, reader: Reader, properties: Properties): void {
  switch (id) {
    case ID.payloadFormatIndicator:
      properties.payloadFormatIndicator = flag(reader);
      break;
    case ID.messageExpiryInterval:
      properties.messageExpiryInterval = reader.u32();
      break;
    case ID.contentType:
      properties.contentType = reader.string(); // [v5 3.3.2-19]
      break;
    case ID.responseTopic:
      properties.responseTopic = reader.string(); // [v5 3.3.2-13]
      break;
    case ID.correlationData:
      properties.correlationData = reader.binary();
      break;
    case ID.subscriptionIdentifier:
      properties.subscriptionIdentifier = positive(reader.varint(), 'subscription identifier');
      break;
    case ID.sessionExpiryInterval:
      properties.sessionExpiryInterval = reader.u32();
      break;
    case ID.authenticationMethod:
      properties.authenticationMethod = reader.string();
      break;
    case ID.authenticationData:
      reader.binary();
      break;
    case ID.requestProblemInformation:
      properties.requestProblemInformation = flag(reader);
      break;
    case ID.willDelayInterval:
      properties.willDelayInterval = reader.u32();
      break;
    case ID.requestResponseInformation:
      flag(reader);
      break;
    case ID.reasonString:
      reader.string();
      break;
    case ID.receiveMaximum:
      properties.receiveMaximum = positive(reader.u16(), 'receive maximum');
      break;
    case ID.topicAliasMaximum:
      properties.topicAliasMaximum = reader.u16();
      break;
    case ID.topicAlias:
      properties.topicAlias = reader.u16();
      break;
    case ID.userProperty:
      properties.userProperties ??= [];
      properties.userProperties.push([reader.string(), reader.string()]); // [v5 1.5.7-1]
      break;
    case ID.maximumPacketSize:
      properties.maximumPacketSize = positive(reader.u32(), 'maximum packet size');
      break;
  }
}

function flag(reader: Reader): boolean {
  const value = reader.byte();
  if (value > 1) throw protocolError('a property that is 0 or 1 has another value');
  return value === 1;
}

function positive(value: number, name: string): number {
  if (value === 0) throw protocolError(`${name} is 0`);
  return value;
}

/** The bytes of a message's own properties, without its expiry (which shrinks as the message waits). */
export function encodePassed(properties: MessageProperties): Buffer {
  const parts: Buffer[] = [];
  if (properties.payloadFormatIndicator !== undefined) {
    parts.push(Buffer.from([ID.payloadFormatIndicator, properties.payloadFormatIndicator ? 1 : 0]));
  }
  if (properties.contentType !== undefined) parts.push(Buffer.from([ID.contentType]), text(properties.contentType));
  if (properties.responseTopic !== undefined) {
    parts.push(Buffer.from([ID.responseTopic]), text(properties.responseTopic));
  }
  if (properties.correlationData !== undefined) {
    parts.push(Buffer.from([ID.correlationData]), prefixed(Buffer.from(properties.correlationData)));
  }
  for (const [name, value] of properties.userProperties ?? []) {
    parts.push(Buffer.from([ID.userProperty]), text(name), text(value));
  }
  return parts.length === 0 ? NO_BYTES : Buffer.concat(parts);
}

/**
 * The properties a server adds to a message at each delivery. Topic aliases are not among them: they would have to be the
 * client's [v5 3.1.2-26 3.1.2-27 3.3.2-8 3.3.2-11].
 */
export function encodeAdded(expirySeconds: number | undefined, identifiers: readonly number[] | undefined): Buffer {
  if (expirySeconds === undefined && identifiers === undefined) return NO_BYTES;
  const bytes: number[] = [];
  if (expirySeconds !== undefined) {
    bytes.push(ID.messageExpiryInterval);
    bytes.push(expirySeconds >>> 24, (expirySeconds >>> 16) & 0xff, (expirySeconds >>> 8) & 0xff, expirySeconds & 0xff);
  }
  for (const identifier of identifiers ?? []) {
    bytes.push(ID.subscriptionIdentifier);
    pushVarint(bytes, identifier);
  }
  return Buffer.from(bytes);
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

function text(value: string): Buffer {
  return prefixed(Buffer.from(value, 'utf8'));
}

function prefixed(bytes: Buffer): Buffer {
  if (bytes.length > 0xffff) throw new Fault('InvalidMessage', 'a property is longer than 65,535 bytes');
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
