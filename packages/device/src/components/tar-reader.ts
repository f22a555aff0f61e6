import { Fault } from '@greensward/kit';

/** One entry of a TAR archive. */
export interface TarEntry {
  /** As the archive spells it. */
  readonly name: string;
  readonly type: 'file' | 'folder' | 'symbolic link' | 'hard link' | 'other';
  /** Of a link. */
  readonly target: string;
  /** Bytes of the content; 0 for what has none. */
  readonly size: number;
  /** What the reader skips when it is not read to its end before the next entry. */
  readonly content: AsyncIterable<Uint8Array>;
}

const blockBytes = 512;
/** Long names and attributes are texts; what is longer is made to exhaust the memory. */
const maxExtraBytes = 64 * 1024;

/**
 * The entries of a TAR archive (POSIX ustar, pax and GNU long names), in order. Every header's checksum is verified. Throws a
 * Fault `IO_UNZIP_ERROR` for what is no archive, ends too early, or is of a form that is not read (sparse files).
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source[Symbol.asyncIterator]());
  const globals = new Map<string, string>();
  let pending = new Map<string, string>();
  try {
    for (let header = await bytes.exactly(blockBytes); !isEnd(header); header = await bytes.exactly(blockBytes)) {
      const { name, size, flag, target } = readHeader(header);
      if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
        const text = await extra(bytes, size);
        const found = flag === 'L' || flag === 'K' ? longName(flag, text) : paxRecords(text);
        for (const [key, value] of found) (flag === 'g' ? globals : pending).set(key, value);
        continue;
      }
      const attributes = new Map([...globals, ...pending]);
      pending = new Map();
      if (flag === 'S' || [...attributes.keys()].some((key) => key.startsWith('GNU.sparse'))) {
        throw malformed('it holds a sparse file');
      }
      const declared = attributes.get('size');
      const length = declared === undefined ? size : sizeOf(declared, 10);
      const type = typeOf(flag, attributes.get('path') ?? name);
      const content = bytes.part(length);
      yield {
        name: attributes.get('path') ?? name,
        type,
        target: attributes.get('linkpath') ?? target,
        size: type === 'file' ? length : 0,
        content,
      };
      for await (const _ of content) {
        // What the caller left of it.
      }
      await bytes.skip(padding(length));
    }
  } finally {
    await bytes.close();
  }
}

function malformed(why: string): Fault {
  return new Fault('IO_UNZIP_ERROR', `the TAR archive cannot be unpacked: ${why}`);
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

/** A block of zeros ends an archive. So does the end of the bytes, at the start of a header: some archivers write no zeros. */
function isEnd(header: Buffer): boolean {
  return header.length === 0 || header.every((byte) => byte === 0);
}

function readHeader(header: Buffer): { name: string; size: number; flag: string; target: string } {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (sizeOf(field(header, 148, 8), 8) !== sum) throw malformed('a header has a wrong checksum');
  const prefix = field(header, 257, 5) === 'ustar' ? field(header, 345, 155) : '';
  const name = field(header, 0, 100);
  // GNU archives keep times where POSIX ones keep the prefix.
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0';
  return {
    name: prefix !== '' && isPosix ? `${prefix}/${name}` : name,
    size: sizeField(header.subarray(124, 136)),
    flag: String.fromCharCode(header[156] ?? 0),
    target: field(header, 157, 100),
  };
}

function field(header: Buffer, start: number, length: number): string {
  const bytes = header.subarray(start, start + length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end);
}

/** Octal digits, or with the first bit set the number itself (GNU, for files over 8 GB). */
function sizeField(bytes: Buffer): number {
  if (((bytes[0] ?? 0) & 0x80) === 0) return sizeOf(bytes.toString('latin1').replaceAll('\0', ' '), 8);
  const value = bytes.subarray(1).reduce((number, byte) => number * 256 + byte, 0);
  if (Number.isSafeInteger(value)) return value;
  throw malformed('an entry is too large');
}

function sizeOf(digits: string, radix: 8 | 10): number {
  const text = digits.trim();
  if (text === '') return 0;
  const value = (radix === 8 ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, radix) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw malformed('a header holds something else than a number');
}

function typeOf(flag: string, name: string): TarEntry['type'] {
  if (flag === '5') return 'folder';
  if (flag === '2') return 'symbolic link';
  if (flag === '1') return 'hard link';
  if (flag !== '0' && flag !== '\0' && flag !== '7') return 'other';
  // Before POSIX a folder was a file whose name ends so.
  return name.endsWith('/') ? 'folder' : 'file';
}

async function extra(bytes: ByteReader, size: number): Promise<Buffer> {
  if (size > maxExtraBytes) throw malformed('it holds a name or an attribute that is too long');
  const text = await bytes.exactly(size);
  await bytes.skip(padding(size));
  return text;
}

function longName(flag: 'L' | 'K', text: Buffer): [string, string][] {
  const end = text.indexOf(0);
  return [[flag === 'L' ? 'path' : 'linkpath', text.toString('utf8', 0, end < 0 ? text.length : end)]];
}

/** pax: records of the form `length key=value\n`, the length being that of the whole record in bytes. */
function paxRecords(text: Buffer): [string, string][] {
  const records: [string, string][] = [];
  for (let at = 0; at < text.length && text[at] !== 0; ) {
    const blank = text.indexOf(0x20, at);
    const length = sizeOf(text.toString('latin1', at, blank < 0 ? at : blank), 10);
    const record = text.toString('utf8', blank + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (blank < 0 || length === 0 || at + length > text.length || equals < 1)
      throw malformed('an attribute is damaged');
    records.push([record.slice(0, equals), record.slice(equals + 1)]);
    at += length;
  }
  return records;
}

/** Takes bytes from a stream in the sizes that are wanted. */
class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterator<Uint8Array>) {
    this.source = source;
  }

  /** So many bytes; none at all when the stream ends here. */
  async exactly(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let have = 0;
    while (have < length) {
      const part = await this.some(length - have);
      if (part === undefined && have === 0 && length === blockBytes) return Buffer.alloc(0);
      if (part === undefined) throw malformed('it ends too early');
      parts.push(part);
      have += part.length;
    }
    return Buffer.concat(parts);
  }

  async skip(length: number): Promise<void> {
    for await (const _ of this.part(length)) {
      // Only taken.
    }
  }

  /** The next bytes, once: iterating again goes on where it stopped. */
  part(length: number): AsyncIterable<Uint8Array> {
    let left = length;
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      if (left === 0) return { done: true, value: undefined };
      const value = await this.some(left);
      if (value === undefined) throw malformed('it ends too early');
      left -= value.length;
      return { done: false, value };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  /** At least one byte and at most `limit`; undefined at the end. */
  private async some(limit: number): Promise<Uint8Array | undefined> {
    while (this.rest.length === 0) {
      const { done, value } = await this.source.next();
      if (done === true) return undefined;
      this.rest = value;
    }
    const part = this.rest.subarray(0, limit);
    this.rest = this.rest.subarray(part.length);
    return part;
  }
}
