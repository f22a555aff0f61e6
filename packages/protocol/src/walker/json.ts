/** Objects and lists inside one another; deeper documents are refused before they are parsed. */
const MAX_DEPTH = 200;
/** Three times the largest `merge` the API allows. */
const MAX_BYTES = 32 * 1024 * 1024;

/** The value of a JSON text, or why it is none. */
export type Json = { readonly value: unknown } | { readonly problem: string };

/** Parses UTF-8 JSON within the bounds above. Duplicate keys: the last wins, as JSON.parse. */
export function parseJson(bytes: Uint8Array): Json {
  if (bytes.length > MAX_BYTES) return { problem: `is larger than ${MAX_BYTES} bytes` };
  if (isTooDeep(bytes)) return { problem: `is nested deeper than ${MAX_DEPTH} levels` };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { problem: 'is not UTF-8' };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    // JSON.parse quotes the text in its message: it may hold a secret, so it is not passed on.
    return { problem: 'is not valid JSON' };
  }
}

/** Counts brackets outside strings. On text that is not JSON the count may be off; JSON.parse then refuses it. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > MAX_DEPTH) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** The UTF-8 bytes of a JSON value whose large integers were passed through {@link exactInteger}. */
export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/**
 * An integer beyond 2^53 as JSON text that names exactly the double it is: JSON.stringify would print
 * 9223372036854771712 as 9223372036854772000, which a client that reads integers takes for another number.
 */
export function exactInteger(value: number): unknown {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  const rawJson: unknown = Reflect.get(JSON, 'rawJSON');
  return typeof rawJson === 'function' ? rawJson.call(JSON, BigInt(value).toString()) : value;
}
