/** A header's value with its wire type. Integers of 64 bits and timestamps (epoch ms) are bigints. */
export type HeaderValue =
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'byte' | 'int16' | 'int32'; readonly value: number }
  | { readonly type: 'int64' | 'timestamp'; readonly value: bigint }
  | { readonly type: 'bytes' | 'uuid'; readonly value: Uint8Array }
  | { readonly type: 'string'; readonly value: string };

/** By name as sent. */
export type Headers = ReadonlyMap<string, HeaderValue>;

/** What we send: a number is an int32. */
export type OutgoingHeaders = readonly (readonly [name: string, value: number | string])[];

const maxHeaders = 1024;
const maxValueBytes = 32_767;
const wire = { int32: 4, string: 7 };

/** Throws a RangeError for what no header can hold: names come from us. */
export function encodeHeaders(headers: OutgoingHeaders): Uint8Array {
  const encoder = new TextEncoder();
  const parts = headers.map(([name, value]) => ({
    name: encoder.encode(name),
    value: typeof value === 'number' ? value : encoder.encode(value),
  }));
  const size = (value: number | Uint8Array) => (typeof value === 'number' ? 4 : 2 + value.length);
  const bytes = new Uint8Array(parts.reduce((sum, { name, value }) => sum + 2 + name.length + size(value), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { name, value } of parts) {
    if (name.length > 255 || (typeof value !== 'number' && value.length > maxValueBytes))
      throw new RangeError('a header is too long');
    view.setUint8(at, name.length);
    bytes.set(name, at + 1);
    at += 1 + name.length;
    view.setUint8(at, typeof value === 'number' ? wire.int32 : wire.string);
    if (typeof value === 'number') view.setInt32(at + 1, value);
    else {
      view.setUint16(at + 1, value.length);
      bytes.set(value, at + 3);
    }
    at += 1 + size(value);
  }
  return bytes;
}

/** The headers of a block, every type of the format; undefined when it is none, or a name comes twice. */
export function decodeHeaders(block: Uint8Array): Headers | undefined {
  const headers = new Map<string, HeaderValue>();
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const text = (bytes: Uint8Array) => decoder.decode(bytes);
  try {
    for (let at = 0; at < block.length; ) {
      const nameEnd = at + 1 + view.getUint8(at);
      const name = text(slice(block, at + 1, nameEnd));
      const read = readValue(view, block, nameEnd, text);
      if (read === undefined || headers.has(name) || headers.size === maxHeaders) return undefined;
      headers.set(name, read.value);
      at = read.end;
    }
    return headers;
  } catch {
    // Beyond the end of the block, or not UTF-8.
    return undefined;
  }
}

function readValue(view: DataView, block: Uint8Array, typeAt: number, text: (bytes: Uint8Array) => string) {
  const at = typeAt + 1;
  const fixed = (value: HeaderValue, length: number) => ({ value, end: at + length });
  switch (view.getUint8(typeAt)) {
    case 0:
      return fixed({ type: 'boolean', value: true }, 0);
    case 1:
      return fixed({ type: 'boolean', value: false }, 0);
    case 2:
      return fixed({ type: 'byte', value: view.getInt8(at) }, 1);
    case 3:
      return fixed({ type: 'int16', value: view.getInt16(at) }, 2);
    case 4:
      return fixed({ type: 'int32', value: view.getInt32(at) }, 4);
    case 5:
      return fixed({ type: 'int64', value: view.getBigInt64(at) }, 8);
    case 6: {
      const length = view.getUint16(at);
      return fixed({ type: 'bytes', value: slice(block, at + 2, at + 2 + length) }, 2 + length);
    }
    case 7: {
      const length = view.getUint16(at);
      return fixed({ type: 'string', value: text(slice(block, at + 2, at + 2 + length)) }, 2 + length);
    }
    case 8:
      return fixed({ type: 'timestamp', value: view.getBigInt64(at) }, 8);
    case 9:
      return fixed({ type: 'uuid', value: slice(block, at, at + 16) }, 16);
    default:
      return undefined;
  }
}

/** `subarray` would quietly give less. */
function slice(block: Uint8Array, from: number, to: number): Uint8Array {
  if (to > block.length) throw new RangeError('beyond the end of the headers');
  return block.subarray(from, to);
}
