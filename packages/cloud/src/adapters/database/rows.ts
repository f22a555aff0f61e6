import { Fault } from '@greensward/kit';
import type { Page, PageRequest } from '../../ports/storage.ts';
import type { Flag } from './schema.ts';

export const flag = (value: boolean): Flag => (value ? 1 : 0);

/** JSON text as the type that was written; only what this adapter wrote is read back. */
export function fromJson<T>(text: string): T {
  return JSON.parse(text);
}

/** The members that are set: a column that is null is a member that is absent. */
export function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], null> } {
  const set: { [K in keyof T]?: Exclude<T[K], null> } = {};
  for (const key in members) {
    const value = members[key];
    if (isSet(value)) set[key] = value;
  }
  return set;
}

function isSet<V>(value: V): value is Exclude<V, null> {
  return value !== null;
}

/** SQLite takes 32,766 parameters a statement, PostgreSQL 65,535; a chunk stays below with up to 16 columns. */
const chunkRows = 1000;

/** The list in pieces that fit one statement. */
export function* chunks<T>(list: readonly T[], size = chunkRows): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}

/**
 * As {@link chunks}, for `in (...)`: distinct, and filled up to a power of two by repeating the last, so that lists of
 * every length share few statement texts and the cache of prepared statements holds.
 */
export function* lookups(list: readonly string[]): Generator<readonly string[]> {
  for (const chunk of chunks([...new Set(list)])) yield padded(chunk);
}

/** As {@link lookups}, for pairs. */
export function* pairLookups<T>(list: readonly T[]): Generator<readonly T[]> {
  for (const chunk of chunks(list)) yield padded(chunk);
}

function padded<T>(chunk: readonly T[]): readonly T[] {
  let size = 1;
  while (size < chunk.length) size *= 2;
  return [...chunk, ...chunk.slice(-1).flatMap((last) => Array.from({ length: size - chunk.length }, () => last))];
}

/** Rows read with a limit of one more than asked for, as a page. */
export function toPage<R, T>(
  rows: readonly R[],
  page: PageRequest,
  item: (row: R) => T,
  key: (row: R) => string,
): Page<T> {
  const items = rows.slice(0, page.limit);
  const last = items.at(-1);
  return {
    items: items.map(item),
    ...(rows.length > page.limit && last !== undefined ? { next: key(last) } : {}),
  };
}

/** The key of a list that is ordered by a time and an id. */
export const timeKey = (at: number, id: string) => `${at}/${id}`;

/** What {@link timeKey} made. Clients hand keys back, so another text is refused, with the code of the list's service. */
export function parseTimeKey(key: string, code: 'InvalidRequestException' | 'ValidationException') {
  const match = /^(\d{1,15})\/(.+)$/s.exec(key);
  if (!match?.[1] || !match[2]) throw new Fault(code, 'The pagination token is not valid.');
  return { at: Number(match[1]), id: match[2] };
}

/** The least text above every text that starts with `prefix`, in the order of UTF-8 bytes; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}
