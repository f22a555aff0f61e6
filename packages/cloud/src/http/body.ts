import { Fault } from '@greensward/kit';

/** Reads a body whole. Fails with `RequestEntityTooLargeException` as soon as it is known to exceed `maxBytes`. */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  declared: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  if (declared !== undefined && Number(declared) > maxBytes) throw tooLarge(maxBytes);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

function tooLarge(maxBytes: number): Fault {
  return new Fault('RequestEntityTooLargeException', `The request body is larger than ${maxBytes} bytes`);
}
