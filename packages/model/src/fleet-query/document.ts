import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { getOwn } from '../json-tools.ts';

/** What the fleet index knows of a thing. */
export interface ThingDocument {
  readonly thingName: string;
  readonly thingId: string;
  readonly thingTypeName?: string;
  readonly thingGroupNames: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  /** By name; the classic one under ''. */
  readonly shadows: ReadonlyMap<string, ShadowSections>;
  readonly connectivity?: {
    readonly connected: boolean;
    /** Epoch ms of the last connect or disconnect. */
    readonly timestamp: number;
    readonly disconnectReason?: string;
  };
}

export interface ShadowSections {
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
  readonly delta?: JsonObject;
  readonly metadata?: JsonObject;
}

type Leaf = string | number | boolean;

const sections = ['desired', 'reported', 'delta', 'metadata'] as const;

/** The values of a field: none, one, or those of a list. Field names are case sensitive. */
export function* valuesOf(document: ThingDocument, name: string): Generator<Leaf> {
  const field = name.startsWith('registry.') ? name.slice('registry.'.length) : name;
  const [head = '', ...path] = field.split('.');
  switch (head) {
    case 'thingName':
      if (path.length === 0) yield document.thingName;
      return;
    case 'thingId':
      if (path.length === 0) yield document.thingId;
      return;
    case 'thingTypeName':
      if (path.length === 0 && document.thingTypeName !== undefined) yield document.thingTypeName;
      return;
    case 'thingGroupNames':
      if (path.length === 0) yield* document.thingGroupNames;
      return;
    case 'attributes': {
      const value = getOwn(document.attributes, path.join('.'));
      if (value !== undefined) yield value;
      return;
    }
    case 'connectivity':
      yield* connectivityValues(document.connectivity, path);
      return;
    case 'shadow': {
      const [first, shadow = '', ...rest] = path;
      if (first === 'name') yield* shadowValues(document.shadows.get(shadow), rest);
      else yield* shadowValues(document.shadows.get(''), path);
    }
  }
}

/** Every value of the registry and of the shadows: what a term without a field looks at. */
export function* allValuesOf(document: ThingDocument): Generator<Leaf> {
  yield document.thingName;
  yield document.thingId;
  if (document.thingTypeName !== undefined) yield document.thingTypeName;
  yield* document.thingGroupNames;
  yield* Object.values(document.attributes);
  for (const shadow of document.shadows.values()) for (const section of sections) yield* leaves(shadow[section]);
}

function* connectivityValues(connectivity: ThingDocument['connectivity'], path: readonly string[]): Generator<Leaf> {
  if (connectivity === undefined || path.length !== 1) return;
  const [member] = path;
  if (member === 'connected') yield connectivity.connected;
  if (member === 'timestamp') yield connectivity.timestamp;
  if (member === 'disconnectReason' && connectivity.disconnectReason !== undefined) yield connectivity.disconnectReason;
}

function* shadowValues(shadow: ShadowSections | undefined, path: readonly string[]): Generator<Leaf> {
  if (shadow === undefined) return;
  const [head, ...rest] = path;
  if (head === 'hasDelta' && rest.length === 0) yield shadow.delta !== undefined;
  const section = sections.find((each) => each === head);
  if (section !== undefined) yield* below(shadow[section], rest);
}

/** Keys may hold dots themselves: each way of cutting the path that leads somewhere is gone. */
function* below(value: Json | undefined, path: readonly string[]): Generator<Leaf> {
  if (Array.isArray(value)) {
    for (const item of value) yield* below(item, path);
  } else if (path.length === 0) {
    yield* leaves(value);
  } else if (isJsonObject(value)) {
    for (let length = 1; length <= path.length; length += 1) {
      const member = getOwn(value, path.slice(0, length).join('.'));
      if (member !== undefined) yield* below(member, path.slice(length));
    }
  }
}

function* leaves(value: Json | undefined): Generator<Leaf> {
  if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) yield* leaves(item);
  else if (value !== null && value !== undefined) yield value;
}
