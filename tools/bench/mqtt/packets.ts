// The packets of MQTT 5 that a load sends.

/** A CONNECT with a clean start. */
export function connectPacket(clientId: string, sessionExpirySeconds: number): Buffer {
  const properties = Buffer.alloc(8);
  properties[0] = 0x11;
  properties.writeUInt32BE(sessionExpirySeconds, 1);
  properties[5] = 0x21; // Receive Maximum
  properties.writeUInt16BE(100, 6);
  const flags = Buffer.from([5, 0x02, 1200 >> 8, 1200 & 0xff]);
  return packet(0x10, text('MQTT'), flags, Buffer.from([properties.length]), properties, text(clientId));
}

/** A SUBSCRIBE with identifier 1. */
export function subscribePacket(filters: readonly string[], qos: 0 | 1): Buffer {
  return packet(0x82, Buffer.from([0, 1, 0]), ...filters.flatMap((filter) => [text(filter), Buffer.from([qos])]));
}

/** A PUBLISH of QoS 1 with identifier 1. */
export function publishPacket(topic: string, payload: string | Buffer): Buffer {
  return packet(0x32, text(topic), Buffer.from([0, 1, 0]), Buffer.from(payload));
}

/** The PUBACK for a PUBLISH of QoS 1, given its body. */
export function pubackPacket(publish: Buffer): Buffer {
  const at = 2 + publish.readUInt16BE(0);
  return Buffer.from([0x40, 2, publish[at] ?? 0, publish[at + 1] ?? 0]);
}

export const disconnectPacket: Buffer = Buffer.from([0xe0, 0]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function packet(header: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7];
  return Buffer.concat([Buffer.from([header, ...length]), body]);
}
