import { createHash } from 'node:crypto';
import { Fault, isJsonObject } from '@greensward/kit';
import type { Page, PageRequest } from '../ports/storage.ts';

/** Reads and writes the page tokens of one list call. */
export interface Pager {
  /** Refuses a token of another operation or filter with `ValidationException`. `limit` is the page size to use. */
  request(token: string | undefined, limit: number): PageRequest;
  /** The token of the next page; undefined on the last one. */
  token(next: string | undefined): string | undefined;
}

/**
 * A token is base64 (not base64url: IoT markers must match `[A-Za-z0-9+/]+={0,2}`) of the operation, a hash of the filter
 * and the key to continue after. It is opaque to clients and grants nothing, so it is not signed. `member` is the name of
 * the token in the request, for the message.
 */
export function pager(operation: string, filter: Readonly<Record<string, unknown>>, member = 'nextToken'): Pager {
  const hash = createHash('sha256')
    .update(JSON.stringify(Object.entries(filter).filter(([, value]) => value !== undefined)))
    .digest('base64')
    .slice(0, 12);
  return {
    request(token, limit) {
      return token === undefined ? { limit } : { limit, after: keyOf(token, operation, hash, member) };
    },
    token(next) {
      if (next === undefined) return undefined;
      return Buffer.from(JSON.stringify({ o: operation, f: hash, k: next })).toString('base64');
    },
  };
}

/** A page of a list that is already in memory, ordered by `keyOf`; the item to go on after may be gone meanwhile. */
export function pageOf<T>(items: readonly T[], page: PageRequest, keyOf: (item: T) => string): Page<T> {
  const after = page.after;
  const rest = after === undefined ? items : items.slice(startAfter(items, after, keyOf));
  const taken = rest.slice(0, page.limit);
  const last = taken.at(-1);
  return rest.length > taken.length && last !== undefined ? { items: taken, next: keyOf(last) } : { items: taken };
}

function startAfter<T>(items: readonly T[], after: string, keyOf: (item: T) => string): number {
  const at = items.findIndex((item) => keyOf(item) === after);
  if (at >= 0) return at + 1;
  const next = items.findIndex((item) => keyOf(item) > after);
  return next < 0 ? items.length : next;
}

function keyOf(token: string, operation: string, hash: string, member: string): string {
  const parsed = decode(token);
  if (isJsonObject(parsed) && parsed['o'] === operation && parsed['f'] === hash) {
    const key = parsed['k'];
    if (typeof key === 'string' && !key.includes('\0')) return key;
  }
  const message = `${member} is not a token of this ${operation} request`;
  throw new Fault('ValidationException', message, {
    context: { reason: 'FIELD_VALIDATION_FAILED', fields: [{ name: member, message }] },
  });
}

function decode(token: string): unknown {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(token)) return undefined;
  try {
    return JSON.parse(Buffer.from(token, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}
