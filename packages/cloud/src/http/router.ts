import { Fault } from '@greensward/kit';

/** What a router holds: a method, a path template (`/things/{thingName}`, `{rest+}` for the rest) and its value. */
export interface Template<T> {
  readonly method: string;
  readonly uri: string;
  readonly value: T;
}

type Segment = { readonly literal: string } | { readonly greedy: boolean };

interface Compiled<T> {
  readonly segments: readonly Segment[];
  readonly value: T;
}

/**
 * Finds the template of a method and a raw path. The path is split before it is decoded, so that `%2F` stays inside one
 * label; each segment is decoded once, so that a literal `:` and `%3A`, `$next` and `%24next` are the same. A literal
 * segment goes before a label, a label before a greedy one.
 */
export function createRouter<T>(templates: readonly Template<T>[]): (method: string, path: string) => T | undefined {
  const byMethod = new Map<string, Compiled<T>[]>();
  for (const { method, uri, value } of templates) {
    const compiled = { segments: segmentsOf(uri), value };
    byMethod.set(method, [...(byMethod.get(method) ?? []), compiled].sort(bySpecificity));
  }
  return (method, path) => {
    const parts = path.split('/').slice(1).map(decodeSegment);
    return byMethod.get(method)?.find((template) => fits(template.segments, parts))?.value;
  };
}

function segmentsOf(uri: string): Segment[] {
  const path = uri.split('?')[0] ?? '';
  return path
    .split('/')
    .slice(1)
    .map((part) => (/^\{\w+\+?\}$/.test(part) ? { greedy: part.endsWith('+}') } : { literal: part }));
}

function fits(segments: readonly Segment[], path: readonly string[]): boolean {
  for (const [index, segment] of segments.entries()) {
    const part = path[index];
    if (part === undefined) return false;
    if ('literal' in segment) {
      if (part !== segment.literal) return false;
    } else if (segment.greedy) {
      return true;
    } else if (part === '') {
      return false;
    }
  }
  return segments.length === path.length;
}

function bySpecificity<T>(left: Compiled<T>, right: Compiled<T>): number {
  for (const [index, segment] of left.segments.entries()) {
    const other = right.segments[index];
    if (other === undefined) return 1;
    const difference = rank(segment) - rank(other);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(segment: Segment): number {
  if ('literal' in segment) return 0;
  return segment.greedy ? 2 : 1;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    const message = 'The path is not valid percent-encoded UTF-8';
    throw new Fault('ValidationException', message, { context: { reason: 'CANNOT_PARSE' }, cause });
  }
}
