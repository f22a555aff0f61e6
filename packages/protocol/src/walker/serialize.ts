import type { Member, Operation, Shape } from '../table.ts';
import { toBase64 } from './encoding.ts';
import { exactInteger, jsonBytes } from './json.ts';

/** An answer ready to be sent. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The answer for `output`: undefined members are left out; an operation without output answers `{}`, or nothing at 204. */
export function serializeOutput<I, O>(operation: Operation<I, O>, output: O): WireResponse {
  const value: unknown = output;
  const values = membersOf(value);
  const members = operation.output?.members ?? [];
  const payload = members.find((member) => member.in === 'payload');
  const headers: Record<string, string> = {};
  for (const member of members) {
    const header = values.get(member.name);
    if (member.in === 'header' && header !== undefined && header !== null) headers[member.wire] = textOf(header);
  }
  if (operation.status === 204) return { status: 204, headers, body: new Uint8Array() };
  headers['content-type'] = 'application/json';
  if (payload !== undefined) {
    const bytes = values.get(payload.name);
    return { status: operation.status, headers, body: bytes instanceof Uint8Array ? bytes : new Uint8Array() };
  }
  return { status: operation.status, headers, body: jsonBytes(bodyOf(members, values)) };
}

/** The members of a value by name; none of what is no object. */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

/** The JSON object of the members that travel in the body. */
export function bodyOf(members: readonly Member[], values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const member of members) {
    const value = member.in === 'body' ? toJson(member.shape, values.get(member.name)) : undefined;
    if (value !== undefined) body[member.wire] = value;
  }
  return body;
}

/** A value in a label, a query or a header. Times there are ISO 8601. */
export function textOf(value: unknown, shape?: Shape): string {
  return shape?.kind === 'timestamp' && typeof value === 'number' ? new Date(value).toISOString() : String(value);
}

function toJson(shape: Shape, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'string':
    case 'boolean':
    case 'json':
      return value;
    case 'number':
      return typeof value === 'number' ? exactInteger(value) : value;
    case 'timestamp':
      return typeof value === 'number' ? value / 1000 : value;
    case 'blob':
      return value instanceof Uint8Array ? toBase64(value) : value;
    case 'list':
      return Array.isArray(value) ? value.map((item) => toJson(shape.element, item) ?? null) : value;
    case 'map': {
      const map: Record<string, unknown> = Object.create(null);
      for (const [key, item] of membersOf(value)) {
        const json = toJson(shape.element, item);
        if (json !== undefined) map[key] = json;
      }
      return map;
    }
    case 'structure':
      return bodyOf(shape.members, membersOf(value));
  }
}
