import { generate, type IConnackPacket, writeToStream } from 'mqtt-packet';
import { REASON } from '../reasons.ts';
import type { ProtocolVersion } from './decode.ts';
import { encodeAdded } from './properties.ts';

// Reserved flags are written as the table has them [v3 2.2.2-1], and a length of 0 where there are no properties [v5 2.2.2-1].
// PUBLISH and PUBACK, the packets that come by the thousand, are written by hand: properties are copied as the bytes
// they came in, and packets are shared between subscribers. The rest is written by mqtt-packet, whose cache of all
// 65,536 numbers (6 MB) is then not worth its memory.
writeToStream.cacheNumbers = false;

/** What of a message goes into a PUBLISH. */
export interface PublishContent {
  readonly topic: string;
  readonly payload: Buffer;
  /** Encoded properties that every receiver gets (MQTT 5 only). */
  readonly passed: Buffer;
}

/** What differs between deliveries of one message. */
export interface PublishDelivery {
  /** 0 sends with QoS 0, any other value with QoS 1. */
  readonly packetId: number;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly identifiers: readonly number[] | undefined;
  readonly expirySeconds: number | undefined;
}

export const PINGRESP: Buffer = Buffer.from([0xd0, 0]);

/** The most that the length field of a packet can say, in bytes. */
const MAX_REMAINING = 268_435_455;

/**
 * One PUBLISH packet; undefined when it is larger than MQTT can say. With QoS 0 it has no identifier and no DUP [v3 2.3.1-5
 * 3.3.1-2 4.3.1-1] [v5 2.2.1-2 3.3.1-2 4.3.1-1].
 */
export function encodePublish(
  version: ProtocolVersion,
  content: PublishContent,
  delivery: PublishDelivery,
): Buffer | undefined {
  const topicBytes = Buffer.byteLength(content.topic, 'utf8');
  const added = version === 5 ? encodeAdded(delivery.expirySeconds, delivery.identifiers) : undefined;
  const propertyBytes = added ? added.length + content.passed.length : 0;
  const remaining =
    2 +
    topicBytes +
    (delivery.packetId === 0 ? 0 : 2) +
    (added ? varintBytes(propertyBytes) + propertyBytes : 0) +
    content.payload.length;
  if (remaining > MAX_REMAINING) return undefined;
  const packet = Buffer.allocUnsafe(1 + varintBytes(remaining) + remaining);
  packet[0] = 0x30 | (delivery.dup ? 0x08 : 0) | (delivery.packetId === 0 ? 0 : 0x02) | (delivery.retain ? 0x01 : 0);
  let at = writeVarint(packet, 1, remaining);
  at = packet.writeUInt16BE(topicBytes, at);
  at += packet.write(content.topic, at, 'utf8');
  if (delivery.packetId !== 0) at = packet.writeUInt16BE(delivery.packetId, at);
  if (added) {
    at = writeVarint(packet, at, propertyBytes);
    at += added.copy(packet, at);
    at += content.passed.copy(packet, at);
  }
  content.payload.copy(packet, at);
  return packet;
}

/**
 * A PUBACK; the reason is left out where it is success or the version has none [v5 3.4.2-1]. Like all our answers it has no
 * Reason String and no User Property, asked for or not [v5 3.1.2-29 3.4.2-2 3.4.2-3 3.9.2-1 3.9.2-2 3.11.2-1 3.11.2-2].
 */
export function encodePuback(version: ProtocolVersion, packetId: number, reason: number): Buffer {
  const high = packetId >> 8;
  const low = packetId & 0xff;
  if (version === 4 || reason === REASON.success) return Buffer.from([0x40, 2, high, low]);
  return Buffer.from([0x40, 3, high, low, reason]);
}

type ConnackProperties = NonNullable<IConnackPacket['properties']>;

/**
 * A CONNACK; `reason` is of MQTT 5 and becomes the nearest return code of 3.1.1. A refusal has no session [v3 3.2.2-4]
 * [v5 3.2.2-1 3.2.2-6 3.2.2-8]. Response Information and what explains are never in it [v5 3.1.2-28 3.2.2-19 3.2.2-20].
 */
export function encodeConnack(
  version: ProtocolVersion,
  reason: number,
  sessionPresent: boolean,
  properties: ConnackProperties = {},
): Buffer {
  if (version === 5) {
    return generate({ cmd: 'connack', reasonCode: reason, sessionPresent, properties }, { protocolVersion: 5 });
  }
  const returnCode = reason === REASON.success ? 0 : (RETURN_CODES.get(reason) ?? 5);
  return generate({ cmd: 'connack', returnCode, sessionPresent }, { protocolVersion: 4 });
}

/** MQTT 3.1.1, table 3.1. */
const RETURN_CODES: ReadonlyMap<number, number> = new Map([
  [REASON.unsupportedProtocolVersion, 1],
  [REASON.clientIdNotValid, 2],
  [REASON.serverUnavailable, 3],
  [REASON.quotaExceeded, 3],
  [REASON.connectionRateExceeded, 3],
  [REASON.badCredentials, 4],
  [REASON.notAuthorized, 5],
]);

/**
 * A SUBACK with the identifier of its request and one code a filter, in their order [v3 2.3.1-7 3.8.4-2 3.9.3-1]
 * [v5 2.2.1-6 3.8.4-2 3.8.4-6 3.9.3-1 3.9.3-2]; 3.1.1 knows one failure, 0x80 [v3 3.9.3-2].
 */
export function encodeSuback(version: ProtocolVersion, packetId: number, codes: readonly number[]): Buffer {
  const granted = version === 5 ? [...codes] : codes.map((code) => Math.min(code, REASON.unspecified));
  return generate({ cmd: 'suback', messageId: packetId, granted }, { protocolVersion: version });
}

export function encodeUnsuback(version: ProtocolVersion, packetId: number, codes: readonly number[]): Buffer {
  return generate({ cmd: 'unsuback', messageId: packetId, granted: [...codes] }, { protocolVersion: version });
}

/** A DISCONNECT from the server, which only MQTT 5 has: a reason and nothing else [v5 3.14.2-1 3.14.2-2 3.14.2-3 3.14.2-4]. */
export function encodeDisconnect(reason: number): Buffer {
  return Buffer.from([0xe0, 1, reason]);
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x200000 ? 3 : 4;
}

function writeVarint(packet: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    packet[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  packet[next++] = rest;
  return next;
}
