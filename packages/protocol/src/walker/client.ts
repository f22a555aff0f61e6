import { Fault, isJsonObject } from '@greensward/kit';
import type { Member, Operation, Shape, Structure } from '../table.ts';
import { fromBase64, percentEncode } from './encoding.ts';
import { jsonBytes, parseJson } from './json.ts';
import type { WireHeaders, WireRequest } from './parse-input.ts';
import { bodyOf, membersOf, textOf } from './serialize.ts';

/** A request ready to be signed and sent. `path` and `query` are percent-encoded; header names are lower case. */
export interface OutgoingRequest extends WireRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer as it arrived. */
export interface IncomingResponse {
  readonly status: number;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

/**
 * The request for `input`. Constraints are left to the server.
 *
 * @throws Fault ValidationException when a member of the path is missing or empty.
 */
export function buildRequest<I, O>(operation: Operation<I, O>, input: I): OutgoingRequest {
  const value: unknown = input;
  const values = membersOf(value);
  const members = operation.input.members;
  const path = operation.segments.map((segment) => {
    if ('literal' in segment) return segment.literal;
    const given = values.get(segment.label);
    const label = typeof given === 'number' ? String(given) : given;
    if (typeof label !== 'string' || label === '') {
      throw new Fault('ValidationException', `${operation.name}: ${segment.label} is required`);
    }
    return segment.greedy ? label.split('/').map(percentEncode).join('/') : percentEncode(label);
  });
  const headers: Record<string, string> = {};
  const query: string[] = [];
  for (const member of members) {
    const item = values.get(member.name);
    if (item === undefined || item === null) continue;
    if (member.in === 'header') headers[member.wire] = textOf(item, member.shape);
    else if (member.in === 'query') query.push(...queryOf(member, item));
  }
  return {
    method: operation.method,
    path: `/${path.join('/')}`,
    query: query.join('&'),
    headers,
    body: requestBody(members, values, headers),
  };
}

function queryOf(member: Member, value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const shape = member.shape.kind === 'list' ? member.shape.element : member.shape;
  return list.map((item) => `${percentEncode(member.wire)}=${percentEncode(textOf(item, shape))}`);
}

function requestBody(
  members: readonly Member[],
  values: ReadonlyMap<string, unknown>,
  headers: Record<string, string>,
) {
  const payload = members.find((member) => member.in === 'payload');
  if (payload !== undefined) {
    const bytes = values.get(payload.name);
    headers['content-type'] = 'application/octet-stream';
    return bytes instanceof Uint8Array ? bytes : new Uint8Array();
  }
  if (!members.some((member) => member.in === 'body')) return new Uint8Array();
  headers['content-type'] = 'application/json';
  return jsonBytes(bodyOf(members, values));
}

/**
 * The output in a successful answer. Lenient: unknown members, nulls and members of another type are dropped.
 *
 * @throws Fault InvalidResponse when the body is not a JSON object.
 */
export function parseOutput<I, O>(operation: Operation<I, O>, response: IncomingResponse): O {
  const output: Record<string, unknown> = {};
  const structure = operation.output;
  if (structure !== undefined) {
    const body = structure.members.some((member) => member.in === 'body') ? bodyMembers(response) : new Map();
    for (const member of structure.members) {
      const value =
        member.in === 'payload'
          ? response.body
          : member.in === 'header'
            ? firstHeader(response.headers, member.wire)
            : fromJson(member.shape, body.get(member.wire));
      if (value !== undefined) output[member.name] = value;
    }
  }
  const result: unknown = structure === undefined ? undefined : output;
  return result as O;
}

function bodyMembers(response: IncomingResponse): ReadonlyMap<string, unknown> {
  if (response.body.length === 0) return new Map();
  const parsed = parseJson(response.body);
  if ('value' in parsed && isJsonObject(parsed.value)) return new Map(Object.entries(parsed.value));
  throw new Fault('InvalidResponse', `The body of the HTTP ${response.status} answer is not a JSON object`, {
    context: { status: response.status },
  });
}

function firstHeader(headers: WireHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function fromJson(shape: Shape, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === shape.kind ? value : undefined;
    case 'json':
      return value;
    case 'timestamp':
      return timeOf(value);
    case 'blob':
      return typeof value === 'string' ? fromBase64(value) : undefined;
    case 'list':
      return Array.isArray(value)
        ? value.map((item) => fromJson(shape.element, item)).filter((item) => item !== undefined)
        : undefined;
    case 'map': {
      if (!isJsonObject(value)) return undefined;
      const map: Record<string, unknown> = Object.create(null);
      for (const [key, item] of Object.entries(value)) {
        const read = fromJson(shape.element, item);
        if (read !== undefined) map[key] = read;
      }
      return map;
    }
    case 'structure':
      return isJsonObject(value) ? structureFromJson(shape, value) : undefined;
  }
}

function structureFromJson(shape: Structure, value: object): unknown {
  const sent = new Map(Object.entries(value));
  const structure: Record<string, unknown> = {};
  for (const member of shape.members) {
    const read = fromJson(member.shape, sent.get(member.wire));
    if (read !== undefined) structure[member.name] = read;
  }
  return structure;
}

/** Epoch seconds; some servers write ISO 8601, which the AWS CLI accepts too. */
function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? Math.round(value * 1000) : typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isFinite(ms) ? ms : undefined;
}

const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'InternalServerException',
  'InternalFailureException',
  'ServiceUnavailableException',
]);

/**
 * The fault an error answer carries. The code comes from `x-amzn-ErrorType`, else `__type` or `code` of the body, else
 * `UnknownError`. The context has `status` and the body's other members. Never throws.
 */
export function parseError(response: IncomingResponse): Fault {
  const parsed = parseJson(response.body);
  const body = new Map<string, unknown>('value' in parsed ? membersOf(parsed.value) : []);
  const named = [firstHeader(response.headers, 'x-amzn-errortype'), body.get('__type'), body.get('code')];
  const code = named.map(errorName).find((name) => name !== undefined) ?? 'UnknownError';
  const text = [body.get('message'), body.get('Message')].find((item) => typeof item === 'string');
  for (const name of ['__type', 'code', 'message', 'Message']) body.delete(name);
  const context: Record<string, unknown> = Object.create(null);
  for (const [name, value] of body) context[name] = value;
  context['status'] = response.status;
  const retryable = response.status >= 500 || response.status === 429 || RETRYABLE_CODES.has(code);
  return new Fault(code, typeof text === 'string' ? text : `HTTP ${response.status}`, { retryable, context });
}

/** `ns#Name:http://...` -> `Name`. */
function errorName(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const name = value.split(':')[0]?.split('#').at(-1)?.trim() ?? '';
  return name === '' ? undefined : name;
}
