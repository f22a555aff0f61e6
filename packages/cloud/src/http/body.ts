import { Fault, type Timers } from '@greensward/kit';

/** What a body that is read whole may cost. */
interface Limits {
  readonly maxBytes: number;
  readonly maxMs: number;
}

/**
 * Reads a body whole. Fails with `RequestEntityTooLargeException` as soon as it is known to exceed `maxBytes`, and with
 * `RequestTimeoutException` when it has not come within `maxMs`: what then still reads ends with the connection.
 */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  declared: string | undefined,
  { maxBytes, maxMs }: Limits,
  timers: Timers,
): Promise<Uint8Array> {
  const late = Promise.withResolvers<never>();
  const cancel = timers.after(maxMs, () => {
    const seconds = Math.round(maxMs / 1000);
    late.reject(new Fault('RequestTimeoutException', `The request body did not arrive within ${seconds} seconds`));
  });
  try {
    return await Promise.race([read(body, declared, maxBytes), late.promise]);
  } finally {
    cancel();
  }
}

async function read(
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
