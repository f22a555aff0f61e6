import { Fault } from '@greensward/kit';
import type { Answer } from './exchange.ts';

/** Inclusive byte positions. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range that a Range header asks of `size` bytes (RFC 9110 14.1.2); undefined when the whole is to be sent: no
 * header, several ranges, or a header that is no byte range. Fails with `InvalidRange` when nothing of it exists.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | undefined {
  const found = header?.match(/^bytes=(\d{0,15})-(\d{0,15})$/);
  if (found === null || found === undefined) return undefined;
  const [first, last] = [found[1] ?? '', found[2] ?? ''];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(size - 1, Number(last));
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= size || end < start) {
    throw new Fault('InvalidRange', `The requested range is not satisfiable: the object has ${size} bytes`, {
      context: { size },
    });
  }
  return { start, end };
}

/** 200 with everything or 206 with a part, always with Content-Length (a nucleus refuses artifacts without). */
export async function sendBytes(
  size: number,
  range: ByteRange | undefined,
  open: ((range?: ByteRange) => Promise<AsyncIterable<Uint8Array>>) | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const length = range === undefined ? size : range.end - range.start + 1;
  const partial = range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${size}` };
  return {
    status: range === undefined ? 200 : 206,
    headers: { ...headers, ...partial, 'accept-ranges': 'bytes', 'content-length': String(length) },
    ...(open === undefined ? {} : { body: await open(range) }),
  };
}
