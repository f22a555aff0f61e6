// The configuration of a component: a tree whose every leaf knows when it was written and by whom. Values are immutable; each
// function returns a new tree. The tree is plain JSON, so a device can store it as it is.
import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { getOwn, sameJson, setOwn } from '../json-tools.ts';
import { formatPointer, isIndex, parsePointer } from './pointer.ts';

export { sameJson } from '../json-tools.ts';

export { changedPaths, leavesOf, type PlacedLeaf } from './leaves.ts';
export { formatPointer, parsePointer, valueAt } from './pointer.ts';
export { formatSource, parseSource } from './source.ts';

/** A scalar or a whole list: lists are replaced, never merged. */
export interface ConfigurationLeaf {
  /** The key as first spelled; keys that differ only in case are one. */
  readonly name: string;
  readonly value: null | boolean | number | string | Json[];
  /** Epoch ms that decides between writes: an older one is ignored. 1 for a default; each deployment that keeps the value raises it. */
  readonly timestamp: number;
  /** Where the value came from, as `source.ts` writes it: whoever last wrote it, not who kept it. */
  readonly source: string;
  /** Epoch ms of the write itself; of a default, of the deployment that brought it. Absent in trees of earlier runtimes. */
  readonly writtenAt?: number;
}

/** An object. The root's name is empty. */
export interface ConfigurationTree {
  readonly name: string;
  /** The latest write below this node, or its creation. */
  readonly timestamp: number;
  /** By key in lower case. */
  readonly children: Readonly<Record<string, ConfigurationNode>>;
}

export type ConfigurationNode = ConfigurationLeaf | ConfigurationTree;

const DEFAULT_TIMESTAMP = 1;

/** A new tree, and the pointers of the values that were not written because what is there is newer and differs. */
export interface Merged {
  readonly tree: ConfigurationTree;
  readonly ignored: readonly string[];
}

export function emptyConfiguration(): ConfigurationTree {
  return container('');
}

/** The configuration as its component sees it: keys as first spelled, null kept. */
export function toJson(tree: ConfigurationTree): JsonObject {
  const object: JsonObject = {};
  for (const node of Object.values(tree.children)) setOwn(object, node.name, isTree(node) ? toJson(node) : node.value);
  return object;
}

export function fromJson(json: JsonObject, timestamp: number, source: string): ConfigurationTree {
  return mergeConfiguration(emptyConfiguration(), json, timestamp, source).tree;
}

/**
 * Merges `json` over `tree` as written at `timestamp` (epoch ms). Objects merge, scalars and lists replace, null is stored, `{}` onto an
 * object changes nothing and onto a leaf makes it an object. What is there and newer stays, key by key; an equal timestamp
 * overwrites. Keys that begin with `_` are dropped.
 */
export function mergeConfiguration(
  tree: ConfigurationTree,
  json: JsonObject,
  timestamp: number,
  source: string,
): Merged {
  const ignored: string[] = [];
  const write: Write = { timestamp, writtenAt: timestamp, source, onlyAbsent: false, ignored };
  return { tree: mergeObject(tree, json, write, []), ignored };
}

/**
 * A component's or an operator's own write on the device: `value` merged at the container `path`, whose missing containers are made, or
 * which takes the place of a leaf. All of it or nothing: `ignored` names the keys that are newer, and then the tree is as it was.
 */
export function updateConfiguration(
  tree: ConfigurationTree,
  path: readonly string[],
  value: JsonObject,
  timestamp: number,
  source: string,
): Merged {
  const nested = path.reduceRight<JsonObject>((inner, key) => {
    const outer: JsonObject = {};
    setOwn(outer, key, inner);
    return outer;
  }, value);
  const merged = mergeConfiguration(tree, nested, timestamp, source);
  return merged.ignored.length > 0 ? { tree, ignored: merged.ignored } : merged;
}

/**
 * Removes the node at each pointer, in order; a pointer to nothing does nothing, `""` empties the tree and ends the list. A pointer
 * with a numeric token is skipped: list elements cannot be reset. Fault DEPLOYMENT_DOCUMENT_NOT_VALID without a leading `/`.
 */
export function resetConfiguration(tree: ConfigurationTree, pointers: readonly string[]): ConfigurationTree {
  let result = tree;
  for (const pointer of pointers) {
    const keys = parsePointer(pointer);
    if (keys.length === 0) return container(tree.name);
    if (!keys.some(isIndex)) result = remove(result, keys);
  }
  return result;
}

/** What a deployment does to the configuration of one component. */
export interface ConfigurationUpdate {
  /** The configuration the device holds; undefined when the component is new. */
  readonly running: ConfigurationTree | undefined;
  /** `DefaultConfiguration` of the resolved recipe. */
  readonly defaults: JsonObject;
  readonly reset?: readonly string[] | undefined;
  readonly merge?: JsonObject | undefined;
  /** The deployment's creation, epoch ms. */
  readonly timestamp: number;
  /** The deployment, as provenance of the merged values. */
  readonly source: string;
  /** The recipe version, as provenance of the defaults; `default` alone without it. */
  readonly defaultSource?: string;
}

/**
 * Reset first, then the defaults where nothing is there, then the merge (device runtime: component configuration algorithm). A default
 * changed by a new version therefore does not overwrite a value that the device has. Every value kept takes the deployment's
 * timestamp unless its own is newer, as in the reference; its source stays. `ignored`: merged keys that lost to a newer local write.
 */
export function applyUpdate(update: ConfigurationUpdate): Merged {
  const { running, defaults, reset = [], merge = {}, timestamp, source, defaultSource = 'default' } = update;
  const kept = resetConfiguration(running ?? emptyConfiguration(), reset);
  const withDefaults = mergeObject(
    kept,
    defaults,
    { timestamp: DEFAULT_TIMESTAMP, writtenAt: timestamp, source: defaultSource, onlyAbsent: true, ignored: [] },
    [],
  );
  const { tree, ignored } = mergeConfiguration(withDefaults, merge, timestamp, source);
  return { tree: touch(tree, timestamp), ignored };
}

/** The tree with the values of `json`, which has the same shape: what interpolating a configuration gives. All else stays. */
export function withValues(tree: ConfigurationTree, json: JsonObject): ConfigurationTree {
  const children = copy({});
  for (const [key, node] of Object.entries(tree.children)) {
    const value = getOwn(json, node.name);
    if (isTree(node)) setOwn(children, key, isJsonObject(value) ? withValues(node, value) : node);
    else setOwn(children, key, value === undefined || isJsonObject(value) ? node : { ...node, value });
  }
  return { ...tree, children };
}

interface Write {
  readonly timestamp: number;
  readonly writtenAt: number;
  readonly source: string;
  /** Write only where there is nothing yet: how defaults are applied. */
  readonly onlyAbsent: boolean;
  readonly ignored: string[];
}

function mergeObject(
  tree: ConfigurationTree,
  json: JsonObject,
  write: Write,
  path: readonly string[],
): ConfigurationTree {
  const children = copy(tree.children);
  let timestamp = tree.timestamp;
  for (const [name, value] of Object.entries(json)) {
    if (value === undefined || name.startsWith('_')) continue;
    const key = name.toLowerCase();
    const existing = getOwn(children, key);
    const merged = mergeNode(existing, name, value, write, [...path, name]);
    if (merged === existing) continue;
    setOwn(children, key, merged);
    timestamp = Math.max(timestamp, merged.timestamp);
  }
  return { name: tree.name, timestamp, children };
}

function mergeNode(
  existing: ConfigurationNode | undefined,
  name: string,
  value: Json,
  write: Write,
  path: readonly string[],
): ConfigurationNode {
  if (existing !== undefined && isTree(existing) && isJsonObject(value))
    return mergeObject(existing, value, write, path);
  if (existing !== undefined && (write.onlyAbsent || write.timestamp < existing.timestamp)) {
    const current = isTree(existing) ? toJson(existing) : existing.value;
    if (!sameJson(current, value)) write.ignored.push(formatPointer(path));
    return existing;
  }
  const spelled = existing?.name ?? name;
  if (isJsonObject(value)) return mergeObject(container(spelled, write.timestamp), value, write, path);
  return { name: spelled, value, timestamp: write.timestamp, source: write.source, writtenAt: write.writtenAt };
}

function remove(tree: ConfigurationTree, keys: readonly string[]): ConfigurationTree {
  const [first, ...rest] = keys;
  if (first === undefined) return tree;
  const key = first.toLowerCase();
  const child = getOwn(tree.children, key);
  if (child === undefined || (rest.length > 0 && !isTree(child))) return tree;
  const children = copy(tree.children);
  if (rest.length > 0 && isTree(child)) setOwn(children, key, remove(child, rest));
  else delete children[key];
  return { ...tree, children };
}

function touch(tree: ConfigurationTree, timestamp: number): ConfigurationTree {
  const children = copy({});
  for (const [key, node] of Object.entries(tree.children)) {
    setOwn(
      children,
      key,
      isTree(node) ? touch(node, timestamp) : { ...node, timestamp: Math.max(node.timestamp, timestamp) },
    );
  }
  return { name: tree.name, timestamp: Math.max(tree.timestamp, timestamp), children };
}

function isTree(node: ConfigurationNode): node is ConfigurationTree {
  return 'children' in node;
}

function container(name: string, timestamp = 0): ConfigurationTree {
  return { name, timestamp, children: {} };
}

function copy(children: Readonly<Record<string, ConfigurationNode>>): Record<string, ConfigurationNode> {
  const result: Record<string, ConfigurationNode> = {};
  for (const [key, node] of Object.entries(children)) setOwn(result, key, node);
  return result;
}
