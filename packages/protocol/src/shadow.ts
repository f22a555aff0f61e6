import { Fault, isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { readPayload } from './payload.ts';

// The device shadow as a value: an update makes a new shadow and the messages that announce it. Times are epoch
// milliseconds in our types, whole epoch seconds on the wire. Objects made here have no prototype: any key is only a key.

/** The named shadow that carries deployments to a single thing. */
export const DEPLOYMENT_SHADOW = 'AWSManagedGreengrassV2Deployment';

type Section = 'desired' | 'reported';
const SECTIONS: readonly Section[] = ['desired', 'reported'];
type Sections = Readonly<Partial<Record<Section, JsonObject>>>;

/** A stored shadow. A deleted one keeps its version: a shadow made again continues from it. */
export interface Shadow {
  readonly state: Sections;
  /** Mirrors `state`, with {timestamp} at every leaf. */
  readonly metadata: Sections;
  readonly version: number;
  readonly deleted: boolean;
}

/** A request to update. A section that is null is to be removed. */
export interface ShadowUpdate {
  readonly state: Readonly<Partial<Record<Section, JsonObject | null>>>;
  readonly version: number | undefined;
  readonly clientToken: string | undefined;
}

export interface ShadowChange {
  readonly shadow: Shadow;
  /** Payload of `/update/accepted`, and of the HTTP answer: the sections that were sent. */
  readonly accepted: JsonObject;
  /** Payload of `/update/delta`; undefined when desired and reported agree. */
  readonly delta: JsonObject | undefined;
  /** Payload of `/update/documents`. */
  readonly documents: JsonObject;
}

const MAX_BYTES = 8 * 1024;
const MAX_DEPTH = 5;
const MAX_TOKEN = 64;
const seconds = (ms: number) => Math.floor(ms / 1000);
const invalid = (message: string) => new Fault('InvalidRequestException', message);

/** @throws Fault InvalidRequestException, with the cause in its message. Unknown top-level members are ignored. */
export function parseShadowUpdate(bytes: Uint8Array): ShadowUpdate {
  const payload = readPayload(bytes, 'InvalidRequestException');
  const state = payload.object('state');
  if (state === undefined) {
    throw invalid(payload.has('state') ? 'State node must be an object' : 'Missing required node: state');
  }
  const sections: Partial<Record<Section, JsonObject | null>> = {};
  for (const section of SECTIONS) {
    const value = state.raw(section);
    if (value === undefined) continue;
    if (value !== null && !isJsonObject(value)) throw invalid(`The ${section} node must be an object`);
    if (value !== null && isDeeper(value, MAX_DEPTH)) {
      throw invalid(`JSON contains too many levels of nesting; maximum is ${MAX_DEPTH + 1}`);
    }
    sections[section] = value;
  }
  const version = payload.raw('version');
  if (version !== undefined && version !== null && !(typeof version === 'number' && Number.isInteger(version))) {
    throw invalid('Invalid version');
  }
  const clientToken = payload.raw('clientToken') ?? undefined;
  if (clientToken !== undefined && (typeof clientToken !== 'string' || clientToken.length > MAX_TOKEN)) {
    throw invalid('Invalid clientToken');
  }
  return { state: sections, version: typeof version === 'number' ? version : undefined, clientToken };
}

/** True when containers nest more than `levels` deep below `value`. */
function isDeeper(value: Json | undefined, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(
    (item) => typeof item === 'object' && item !== null && (levels === 0 || isDeeper(item, levels - 1)),
  );
}

/** Device Shadow: what may name a shadow. Over MQTT the name is a level of the topic, where nearly anything can stand. */
export function isShadowName(name: string): boolean {
  return /^[$a-zA-Z0-9:_-]{1,64}$/.test(name);
}

/** The client token of a `get` or `delete` request; its payload may be empty or anything else. */
export function shadowRequestToken(bytes: Uint8Array): string | undefined {
  try {
    return readPayload(bytes, 'InvalidRequestException').string('clientToken');
  } catch {
    return undefined; // AWS answers such a request too: nothing in its payload is needed.
  }
}

/**
 * Applies an update at `now`. The deployment shadow is exempt from the size limit, because a fleet configuration may be
 * larger; and a device's report there (only `reported`) is taken whatever its version, because a nucleus loses a report
 * that is refused.
 *
 * @throws Fault ConflictException (stale version), RequestEntityTooLargeException (over 8 KB, metadata not counted)
 */
export function applyShadowUpdate(
  current: Shadow | undefined,
  update: ShadowUpdate,
  now: number,
  shadowName?: string,
): ShadowChange {
  const reserved = shadowName === DEPLOYMENT_SHADOW;
  const before = current ?? { state: {}, metadata: {}, version: 0, deleted: true };
  const onlyReported = reserved && update.state.desired === undefined;
  if (update.version !== undefined && update.version !== before.version && !onlyReported) {
    throw new Fault('ConflictException', 'Version conflict');
  }
  const stamp: JsonObject = { timestamp: seconds(now) };
  const state: Partial<Record<Section, JsonObject>> = {};
  const metadata: Partial<Record<Section, JsonObject>> = {};
  for (const section of SECTIONS) {
    const patch = update.state[section];
    const merged = patch === undefined ? before.state[section] : patch && merge(before.state[section], patch);
    if (merged === undefined || merged === null || Object.keys(merged).length === 0) continue;
    const marks = patch ? mergeMarks(before.metadata[section], patch, stamp) : before.metadata[section];
    state[section] = merged;
    metadata[section] = marks ?? {};
  }
  if (!reserved && new TextEncoder().encode(JSON.stringify(state)).length > MAX_BYTES) {
    throw new Fault('RequestEntityTooLargeException', 'The payload exceeds the maximum size allowed');
  }
  const shadow: Shadow = { state, metadata, version: before.version + 1, deleted: false };
  const common = { version: shadow.version, timestamp: seconds(now), clientToken: update.clientToken };
  const difference = deltaOf(shadow);
  return {
    shadow,
    accepted: { state: { ...update.state }, metadata: sentMarks(update, stamp), ...common },
    delta: difference && { state: difference.state, metadata: difference.metadata, ...common },
    documents: {
      previous: before.deleted ? undefined : documentOf(before),
      current: documentOf(shadow),
      timestamp: seconds(now),
      clientToken: update.clientToken,
    },
  };
}

function documentOf(shadow: Shadow): JsonObject {
  return { state: { ...shadow.state }, metadata: { ...shadow.metadata }, version: shadow.version };
}

function sentMarks(update: ShadowUpdate, stamp: JsonObject): JsonObject {
  const marks: JsonObject = {};
  for (const section of SECTIONS) {
    const patch = update.state[section];
    if (patch) marks[section] = mergeMarks(undefined, patch, stamp);
  }
  return marks;
}

/**
 * The whole document, for `get`: `delta` only where desired and reported differ.
 *
 * @throws Fault ResourceNotFoundException
 */
export function shadowDocument(
  shadow: Shadow | undefined,
  now: number,
  shadowName?: string,
  clientToken?: string,
): JsonObject {
  const found = existing(shadow, shadowName);
  const difference = deltaOf(found);
  return {
    state: { ...found.state, delta: difference?.state },
    metadata: { ...found.metadata },
    version: found.version,
    timestamp: seconds(now),
    clientToken,
  };
}

/** Deletes a shadow: what is left to store, and the payload of `/delete/accepted`. @throws Fault ResourceNotFoundException */
export function applyShadowDelete(
  shadow: Shadow | undefined,
  now: number,
  shadowName?: string,
  clientToken?: string,
): { readonly shadow: Shadow; readonly accepted: JsonObject } {
  const { version } = existing(shadow, shadowName);
  return {
    shadow: { state: {}, metadata: {}, version, deleted: true },
    accepted: { version, timestamp: seconds(now), clientToken },
  };
}

function existing(shadow: Shadow | undefined, shadowName: string | undefined): Shadow {
  if (shadow !== undefined && !shadow.deleted) return shadow;
  const named = shadowName === undefined ? '' : ` with name: '${shadowName}'`;
  throw new Fault('ResourceNotFoundException', `No shadow exists${named}`);
}

const HTTP_CODES: ReadonlyMap<string, number> = new Map([
  ['InvalidRequestException', 400],
  ['UnauthorizedException', 401],
  ['ForbiddenException', 403],
  ['ResourceNotFoundException', 404],
  ['ConflictException', 409],
  ['RequestEntityTooLargeException', 413],
  ['UnsupportedDocumentEncodingException', 415],
  ['ThrottlingException', 429],
]);

/** Payload of a `/rejected` topic. What is no shadow error is 500 and says nothing of its cause. */
export function shadowRejection(fault: Fault, now: number, clientToken?: string): JsonObject {
  const code = HTTP_CODES.get(fault.code);
  const message = code === undefined ? 'Internal service failure' : fault.message;
  return { code: code ?? 500, message, timestamp: seconds(now), clientToken };
}

// --- merging -------------------------------------------------------------------------------------------------------------

const empty = (): JsonObject => Object.create(null);
const own = (object: JsonObject | undefined, key: string): Json | undefined =>
  object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;

/** Objects merge, null deletes a key, all else replaces. */
function merge(base: JsonObject | undefined, patch: JsonObject): JsonObject {
  const merged = empty();
  for (const [key, value] of Object.entries(base ?? {})) merged[key] = value;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (isJsonObject(value)) {
      const old = own(base, key);
      merged[key] = merge(isJsonObject(old) ? old : undefined, value);
    } else if (value !== undefined) merged[key] = value;
  }
  return merged;
}

/** The same walk over metadata: a leaf that was sent gets the new stamp. */
function mergeMarks(base: JsonObject | undefined, patch: JsonObject, stamp: JsonObject): JsonObject {
  const marks = empty();
  for (const [key, value] of Object.entries(base ?? {})) marks[key] = value;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete marks[key];
    else if (isJsonObject(value)) {
      const old = own(base, key);
      // A leaf that became an object: its own {timestamp} must not stay among the marks of the members.
      marks[key] = mergeMarks(isJsonObject(old) && !isStamp(old) ? old : undefined, value, stamp);
    } else if (value !== undefined) marks[key] = markOf(value, stamp);
  }
  return marks;
}

function markOf(value: Json, stamp: JsonObject): Json {
  return Array.isArray(value) ? value.map((item) => markOf(item, stamp)) : stamp;
}

const isStamp = (marks: JsonObject) => typeof own(marks, 'timestamp') === 'number';

function deltaOf(shadow: Shadow): { readonly state: JsonObject; readonly metadata: JsonObject } | undefined {
  const { desired, reported } = shadow.state;
  if (desired === undefined) return undefined;
  return difference(desired, reported, shadow.metadata.desired);
}

/** What of `desired` is not in `reported`, or another there, with its marks; undefined when nothing is. */
function difference(desired: JsonObject, reported: JsonObject | undefined, marks: JsonObject | undefined) {
  const state = empty();
  const metadata = empty();
  for (const [key, wanted] of Object.entries(desired)) {
    const has = own(reported, key);
    const mark = own(marks, key);
    if (isJsonObject(wanted) && isJsonObject(has)) {
      const inner = difference(wanted, has, isJsonObject(mark) ? mark : undefined);
      if (inner === undefined) continue;
      state[key] = inner.state;
      metadata[key] = inner.metadata;
    } else if (!sameJson(wanted, has)) {
      state[key] = wanted;
      metadata[key] = mark;
    }
  }
  return Object.keys(state).length === 0 ? undefined : { state, metadata };
}

function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}
