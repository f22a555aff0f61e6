import { EventStreamCodec } from '@smithy/core/event-streams';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, type Frame, FrameReader, maxFrameBytes } from './frame.ts';
import { connectAckFrame, connectFrame } from './message.ts';

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder().decode(bytes),
  (text) => new TextEncoder().encode(text),
);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

function readAll(chunks: Iterable<Uint8Array>, limit = maxFrameBytes): Frame[] {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(limit); frame !== undefined; frame = reader.next(limit)) frames.push(frame);
  }
  return frames;
}

const name = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => text.isWellFormed());
const headers = fc.uniqueArray(
  fc.tuple(
    name,
    fc.oneof(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.string({ maxLength: 300 }).filter((text) => text.isWellFormed()),
    ),
  ),
  { selector: ([key]) => key, maxLength: 20 },
);
const payload = fc.uint8Array({ maxLength: 2000 });

describe('a frame', () => {
  test('is, byte for byte, the published one', () => {
    expect(hex(encodeFrame([], new Uint8Array()))).toBe('000000100000000005c248eb7d98c8ff');
    expect(hex(connectAckFrame(true))).toBe(
      '0000004700000037374cfe3f0d3a6d6573736167652d7479706504000000050e3a6d6573736167652d666c61677304000000010a3a73747265616d2d69640400000000e237e27d',
    );
    const connect =
      '0000007800000048d487bdc5083a76657273696f6e070005302e312e300d3a6d6573736167652d7479706504000000040e3a6d6573736167652d666c61677304000000000a3a73747265616d2d696404000000007b2261757468546f6b656e223a224142434445464748494a4b4c4d4e4f50227dfc808abe';
    expect(hex(connectFrame('ABCDEFGHIJKLMNOP'))).toBe(connect);
  });

  test('is read by the codec of AWS as it was written', () => {
    fc.assert(
      fc.property(headers, payload, (sent, body) => {
        const decoded = codec.decode(encodeFrame(sent, body));
        expect(hex(decoded.body)).toBe(hex(body));
        const expected = sent.map(([key, value]) => [
          key,
          typeof value === 'number' ? { type: 'integer', value } : { type: 'string', value },
        ]);
        expect(new Map(Object.entries(decoded.headers))).toEqual(
          new Map(expected.filter(([key]) => key !== '__proto__') as [string, unknown][]),
        );
      }),
    );
  });

  test('of the codec of AWS is read, with every type of header', () => {
    const message = {
      headers: {
        yes: { type: 'boolean' as const, value: true },
        no: { type: 'boolean' as const, value: false },
        byte: { type: 'byte' as const, value: -5 },
        short: { type: 'short' as const, value: -500 },
        integer: { type: 'integer' as const, value: 70_000 },
        binary: { type: 'binary' as const, value: Uint8Array.of(1, 2, 3) },
        string: { type: 'string' as const, value: 'grün' },
        timestamp: { type: 'timestamp' as const, value: new Date(1_700_000_000_000) },
        uuid: { type: 'uuid' as const, value: '00112233-4455-6677-8899-aabbccddeeff' },
      },
      body: Uint8Array.of(9, 8),
    };
    const [frame] = readAll([codec.encode(message)]);
    expect(frame && [...frame.payload]).toEqual([9, 8]);
    expect(frame?.headers).toEqual(
      new Map<string, unknown>([
        ['yes', { type: 'boolean', value: true }],
        ['no', { type: 'boolean', value: false }],
        ['byte', { type: 'byte', value: -5 }],
        ['short', { type: 'int16', value: -500 }],
        ['integer', { type: 'int32', value: 70_000 }],
        ['binary', { type: 'bytes', value: Uint8Array.of(1, 2, 3) }],
        ['string', { type: 'string', value: 'grün' }],
        ['timestamp', { type: 'timestamp', value: 1_700_000_000_000n }],
        ['uuid', { type: 'uuid', value: bytesOf('00112233445566778899aabbccddeeff') }],
      ]),
    );
  });
});

describe('a stream of frames', () => {
  test('is the same however it is cut', () => {
    const frames = fc.array(fc.tuple(headers, payload), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sent, cuts) => {
        const whole = Buffer.concat(sent.map(([head, body]) => encodeFrame(head, body)));
        const chunks: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          chunks.push(whole.subarray(at, end));
          at = end;
        }
        expect(readAll(chunks)).toEqual(readAll([whole]));
        expect(readAll([whole]).map((frame) => hex(frame.payload))).toEqual(sent.map(([, body]) => hex(body)));
      }),
    );
  });

  test('is read byte by byte', () => {
    const whole = Buffer.concat([connectFrame('TOKEN'), connectAckFrame(true)]);
    expect(readAll([...whole].map((byte) => Uint8Array.of(byte))).length).toBe(2);
  });

  test.each([
    ['a length below that of the least frame', '0000000f00000000'],
    ['headers longer than the frame', '0000001000000001'],
    ['a huge length that no checksum vouches for', 'ffffffff00000000'],
  ])('ends with %s', (_what, prelude) => {
    expect(() => readAll([bytesOf(`${prelude}00000000`)])).toThrow(
      expect.objectContaining({ code: 'MALFORMED_FRAME' }),
    );
  });

  test('ends with a frame that is too large as soon as it is announced', () => {
    const large = encodeFrame([], new Uint8Array(1000));
    expect(() => readAll([large.subarray(0, 12)], 1015)).toThrow('1016 bytes is larger than 1015');
    expect(readAll([large], 1016).length).toBe(1);
  });

  test('does not take memory for what is only announced', () => {
    const announced = encodeFrame([], new Uint8Array(20_000_000)).slice(0, 100);
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 50 }, () => {
      const reader = new FrameReader();
      reader.push(announced);
      expect(reader.next(maxFrameBytes)).toBeUndefined();
      return reader;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    expect(readers.length).toBe(50);
  });

  test('with any one bit turned is refused or waits for more', () => {
    const whole = connectFrame('ABCDEFGHIJKLMNOP');
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const turned = whole.slice();
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => {
        if (readAll([turned]).length === 0) throw new Error('waits');
      }).toThrow();
    }
  });

  test('of random bytes throws nothing but MALFORMED_FRAME', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, valid) => {
        // Half of them with checksums that are right, so that the headers are reached.
        const sent = valid && bytes.length >= 4 ? sealed(bytes) : bytes;
        try {
          readAll([sent]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'MALFORMED_FRAME' });
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('with a header that comes twice is refused', () => {
    expect(() =>
      readAll([
        encodeFrame(
          [
            ['a', 1],
            ['a', 2],
          ],
          new Uint8Array(),
        ),
      ]),
    ).toThrow('headers');
  });
});

/** A frame with right lengths and checksums around any header block. */
function sealed(block: Uint8Array): Uint8Array {
  const frame = encodeFrame([], block);
  const view = new DataView(frame.buffer);
  view.setUint32(4, block.length);
  return resum(frame);
}

function resum(frame: Uint8Array<ArrayBuffer>): Uint8Array {
  const crc = (bytes: Uint8Array) => {
    let sum = 0xffffffff;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return (sum ^ 0xffffffff) >>> 0;
  };
  const view = new DataView(frame.buffer);
  view.setUint32(8, crc(frame.subarray(0, 8)));
  view.setUint32(frame.length - 4, crc(frame.subarray(0, frame.length - 4)));
  return frame;
}
