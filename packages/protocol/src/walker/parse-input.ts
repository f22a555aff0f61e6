import { isJsonObject } from '@greensward/kit';
import type { Constraint, Member, Operation, Shape, Structure } from '../table.ts';
import { checkNumber, checkSize, checkString, checkText, invalid, member as memberPath, Violations } from './check.ts';
import { fromBase64, parseQuery, percentDecode } from './encoding.ts';
import { parseJson } from './json.ts';

/** HTTP headers by lower-case name. */
export type WireHeaders = { readonly [name: string]: string | readonly string[] | undefined };

/** A request as it arrived. */
export interface WireRequest {
  /** The path as sent, still percent-encoded, without the query. */
  readonly path: string;
  /** What follows the `?`, still percent-encoded; '' when there is none. */
  readonly query: string;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

const NO_LIMIT: Constraint = {};

/**
 * The input of `operation` in a request: labels, query, headers and body read, null members dropped, unknown ones
 * ignored, required members, types and constraints checked. Maps have no prototype, so any key is only a key.
 *
 * @throws Fault ValidationException with context {reason, fields}; every violation is named, up to 50.
 */
export function parseInput<I, O>(operation: Operation<I, O>, request: WireRequest): I {
  const labels = matchPath(operation, request.path);
  const query = parseQuery(request.query);
  if (query === undefined) throw invalid('CANNOT_PARSE', 'The query string is not well-formed');
  const body = readBody(operation.input, request.body);
  const violations = new Violations();
  const input: Record<string, unknown> = {};
  for (const member of operation.input.members) {
    const value = readBound(member, { labels, query, headers: request.headers, body, raw: request.body }, violations);
    if (value !== undefined) input[member.name] = value;
    else if (member.required) violations.add(member.name, 'is required');
  }
  violations.throwIfAny();
  const checked: unknown = input;
  return checked as I;
}

/** Splits the raw path before decoding: an ARN travels as one segment with %2F in it. */
function matchPath(operation: Operation<unknown, unknown>, path: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const parts = path.split('/').slice(1);
  const segments = operation.segments;
  const fits = segments.every((segment, index) => {
    const greedy = 'label' in segment && segment.greedy;
    // SDKs escape every character of a greedy label but the slash.
    const decoded = percentDecode(greedy ? parts.slice(index).join('/') : (parts[index] ?? ''));
    if (decoded === undefined) throw invalid('CANNOT_PARSE', 'The path is not well-formed');
    if ('literal' in segment) return decoded === segment.literal;
    labels.set(segment.label, decoded);
    return index < parts.length;
  });
  const last = segments.at(-1);
  const open = last !== undefined && 'label' in last && last.greedy;
  if (!fits || (!open && parts.length !== segments.length)) {
    throw invalid('UNKNOWN_OPERATION', `The path is not that of ${operation.name}`);
  }
  return labels;
}

/** The body's members; empty when none travels there (a body on GET or DELETE is ignored) or none was sent. */
function readBody(input: Structure, bytes: Uint8Array): ReadonlyMap<string, unknown> {
  if (bytes.length === 0 || !input.members.some((member) => member.in === 'body')) return new Map();
  const parsed = parseJson(bytes);
  if ('problem' in parsed) throw invalid('CANNOT_PARSE', `The request body ${parsed.problem}`);
  if (!isJsonObject(parsed.value)) throw invalid('CANNOT_PARSE', 'The request body must be a JSON object');
  return new Map(Object.entries(parsed.value));
}

interface Parts {
  readonly labels: ReadonlyMap<string, string>;
  readonly query: ReadonlyMap<string, readonly string[]>;
  readonly headers: WireHeaders;
  readonly body: ReadonlyMap<string, unknown>;
  readonly raw: Uint8Array;
}

function readBound(member: Member, parts: Parts, violations: Violations): unknown {
  switch (member.in) {
    case 'label': {
      // An empty label is no label: `/things//jobs` names no thing.
      const label = parts.labels.get(member.name);
      return label === undefined || label === '' ? undefined : readText(member, [label], violations);
    }
    case 'query':
      return readText(member, parts.query.get(member.wire), violations);
    case 'header': {
      const value = parts.headers[member.wire];
      return readText(member, typeof value === 'string' ? [value] : value, violations);
    }
    case 'payload':
      if (parts.raw.length === 0) return undefined;
      checkSize(parts.raw.length, member.constraint ?? NO_LIMIT, member.name, violations);
      return parts.raw;
    case 'body':
      return readValue(member.shape, parts.body.get(member.wire), member.constraint, member.name, violations);
  }
}

/** A member that travels as text. A repeated key is a list, and otherwise its first value counts. */
function readText(member: Member, values: readonly string[] | undefined, violations: Violations): unknown {
  if (values === undefined) return undefined;
  const { shape, constraint, name } = member;
  if (shape.kind === 'list') {
    const list = values.map((text) => fromText(shape.element, text));
    return readValue(shape, list, constraint, name, violations);
  }
  const [first] = values;
  return first === undefined ? undefined : readValue(shape, fromText(shape, first), constraint, name, violations);
}

/** What JSON would have carried for `text`; text that does not fit stays text and fails the type check. */
function fromText(shape: Shape, text: string): unknown {
  if (shape.kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (shape.kind === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (shape.kind === 'timestamp') {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? text : ms / 1000;
  }
  return text;
}

/** `value` as `shape` says, checked. Undefined for an absent one, and for one that is wrong (and then reported). */
function readValue(
  shape: Shape,
  value: unknown,
  constraint: Constraint = NO_LIMIT,
  path: string,
  violations: Violations,
): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'string':
      if (typeof value !== 'string') return wrong('a string', value, path, violations);
      if (shape.values !== undefined && !shape.values.includes(value)) {
        return wrong(`one of ${shape.values.join(', ')}`, value, path, violations);
      }
      checkText(value, path, violations);
      checkString(value, constraint, path, violations);
      return value;
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrong('a number', value, path, violations);
      checkNumber(value, constraint, path, violations);
      return value;
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong('true or false', value, path, violations);
    case 'timestamp':
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrong('epoch seconds', value, path, violations);
      return Math.round(value * 1000);
    case 'blob': {
      const bytes = typeof value === 'string' ? fromBase64(value) : undefined;
      if (bytes === undefined) return wrong('base64 (the AWS CLI makes it of fileb://FILE)', value, path, violations);
      checkSize(bytes.length, constraint, path, violations);
      return bytes;
    }
    case 'json':
      return value;
    case 'list':
      return readList(shape.element, value, constraint, path, violations);
    case 'map':
      return readMap(shape.element, value, constraint, path, violations);
    case 'structure':
      return readStructure(shape, value, constraint, path, violations);
  }
}

/** A placeholder that keeps "is required" from being said about a member that is there, but wrong. */
function wrong(expected: string, value: unknown, path: string, violations: Violations): unknown {
  violations.add(path, `must be ${expected}`);
  return value;
}

function readList(element: Shape, value: unknown, limits: Constraint, path: string, violations: Violations): unknown {
  if (!Array.isArray(value)) return wrong('a list', value, path, violations);
  checkSize(value.length, limits, path, violations);
  return value.map((item, index) => {
    const at = `${path}[${index}]`;
    if (item === null) violations.add(at, 'must not be null');
    return readValue(element, item, limits.each, at, violations);
  });
}

function readMap(element: Shape, value: unknown, limits: Constraint, path: string, violations: Violations): unknown {
  if (!isJsonObject(value)) return wrong('an object', value, path, violations);
  const entries = Object.entries(value);
  checkSize(entries.length, limits, path, violations);
  const map: Record<string, unknown> = Object.create(null);
  for (const [key, item] of entries) {
    const at = memberPath(path, key);
    checkText(key, at, violations);
    if (limits.key !== undefined) checkString(key, limits.key, at, violations);
    if (item === null) violations.add(at, 'must not be null');
    map[key] = readValue(element, item, limits.each, at, violations);
  }
  return map;
}

function readStructure(shape: Structure, value: unknown, limits: Constraint, path: string, violations: Violations) {
  if (!isJsonObject(value)) return wrong('an object', value, path, violations);
  const sent = new Map(Object.entries(value));
  const structure: Record<string, unknown> = {};
  for (const member of shape.members) {
    const at = memberPath(path, member.name);
    const read = readValue(member.shape, sent.get(member.wire), member.constraint, at, violations);
    if (read !== undefined) structure[member.name] = read;
    else if (member.required) violations.add(at, 'is required');
  }
  const present = Object.keys(structure).length;
  if (limits.min !== undefined && present < limits.min) {
    violations.add(path, `must have at least ${limits.min} of ${shape.members.map((item) => item.name).join(', ')}`);
  }
  return structure;
}
