// The packets of a client as bytes, of both versions, and those of a server taken apart: as much as devices need of which one
// process has thousands, and tests that send what no client library would.

export type Version = 4 | 5;

/** A packet of any kind: its first byte, and what follows the length. */
function packet(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest % 128) | (rest > 127 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([sixteen(bytes.length), bytes]);
}

function sixteen(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** No properties: a length of 0 in MQTT 5, nothing in 3.1.1. */
const properties = (version: Version) => Buffer.alloc(version === 5 ? 1 : 0);

/** A CONNECT with a clean session. `keepAlive` in seconds. */
export function connectPacket(version: Version, clientId: string, keepAlive = 600): Buffer {
  return packet(0x10, text('MQTT'), Buffer.from([version, 2]), sixteen(keepAlive), properties(version), text(clientId));
}

export function publishPacket(
  version: Version,
  topic: string,
  payload: string | Uint8Array,
  qos: 0 | 1 = 1,
  packetId = 1,
): Buffer {
  const id = qos === 0 ? Buffer.alloc(0) : sixteen(packetId);
  return packet(0x30 | (qos << 1), text(topic), id, properties(version), Buffer.from(payload));
}

export function subscribePacket(version: Version, packetId: number, filters: readonly string[]): Buffer {
  const subscriptions = filters.map((filter) => Buffer.concat([text(filter), Buffer.from([1])]));
  return packet(0x82, sixteen(packetId), properties(version), ...subscriptions);
}

export function unsubscribePacket(version: Version, packetId: number, filter: string): Buffer {
  return packet(0xa2, sixteen(packetId), properties(version), text(filter));
}

export function pubackPacket(packetId: number): Buffer {
  return packet(0x40, sixteen(packetId));
}

export const pingPacket = packet(0xc0);
export const disconnectPacket = packet(0xe0);

/** A packet from a server: what it is (the upper half of its first byte), its flags, and what follows its length. */
export interface Arrived {
  readonly kind: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** The kinds that the tests wait for. */
export const kinds = { connack: 2, publish: 3, suback: 9, pingresp: 13 } as const;

/** The topic and packet identifier (QoS 1) of a PUBLISH. */
export function publishedIn({ flags, body }: Arrived): {
  readonly topic: string;
  readonly packetId: number | undefined;
} {
  const end = 2 + body.readUInt16BE(0);
  return { topic: body.toString('utf8', 2, end), packetId: (flags & 0x06) === 0 ? undefined : body.readUInt16BE(end) };
}

/** What a PUBLISH carries: in MQTT 5 behind its properties. */
export function payloadOf(version: Version, { flags, body }: Arrived): Buffer {
  let at = 2 + body.readUInt16BE(0) + ((flags & 0x06) === 0 ? 0 : 2);
  if (version === 5) {
    let length = 0;
    for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 128) {
      byte = body.readUInt8(at++);
      length += (byte & 0x7f) * factor;
    }
    at += length;
  }
  return body.subarray(at);
}

/** Takes the packets out of what arrives. */
export function packetReader(onPacket: (arrived: Arrived) => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      let at = 1;
      let length = 0;
      let factor = 1;
      for (; at < pending.length; at++) {
        const byte = pending[at] ?? 0;
        length += (byte & 0x7f) * factor;
        factor *= 128;
        if (byte < 0x80) break;
      }
      if (at >= pending.length || pending.length < at + 1 + length) return;
      const first = pending[0] ?? 0;
      const body = pending.subarray(at + 1, at + 1 + length);
      pending = pending.subarray(at + 1 + length);
      onPacket({ kind: first >> 4, flags: first & 0x0f, body });
    }
  };
}
