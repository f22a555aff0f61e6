import { Fault, isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { isAlias, isMap, isScalar, parseDocument } from 'yaml';

/** The code of every fault in the device's own configuration; `context.key` names the key. */
const notValid = 'DEVICE_CONFIG_NOT_VALID';

type Value = { readonly text: string } | { readonly map: ReadonlyMap<string, Entry> } | { readonly other: true };

interface Entry {
  /** The key as it is written in the file. */
  readonly key: string;
  readonly value: Value;
}

/** A fault about one key of config.yaml. */
export function configFault(key: string, problem: string): Fault {
  return new Fault(notValid, `${key}: ${problem}`, { context: { key } });
}

/**
 * A map of config.yaml. Keys are case-insensitive, as in the reference nucleus. It remembers which keys were read, so that
 * those that have no effect can be told to the operator.
 */
export class ConfigNode {
  private readonly path: string;
  private readonly entries: ReadonlyMap<string, Entry>;
  private readonly read = new Map<string, ConfigNode | undefined>();

  constructor(path: string, entries: ReadonlyMap<string, Entry>) {
    this.path = path;
    this.entries = entries;
  }

  /** The full name of a key, for messages. */
  name(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  /** A child map; empty when it is absent. */
  child(key: string): ConfigNode {
    const folded = key.toLowerCase();
    const before = this.read.get(folded);
    if (before !== undefined) return before;
    const value = this.entries.get(folded)?.value;
    if (value !== undefined && !('map' in value)) throw configFault(this.name(key), 'must be a map');
    const node = new ConfigNode(this.name(key), value?.map ?? new Map());
    this.read.set(folded, node);
    return node;
  }

  /** A text as it is written (`007` stays `007`); undefined when absent, null or empty. */
  text(key: string): string | undefined {
    this.read.set(key.toLowerCase(), undefined);
    const value = this.entries.get(key.toLowerCase())?.value;
    if (value === undefined) return undefined;
    if (!('text' in value)) throw configFault(this.name(key), 'must be a text');
    return value.text === '' ? undefined : value.text;
  }

  required(key: string): string {
    const text = this.text(key);
    if (text === undefined) throw configFault(this.name(key), 'must be set');
    return text;
  }

  /** A whole number, written as a number or as a text. */
  integer(key: string, standard: number, min: number, max: number): number {
    const text = this.text(key);
    if (text === undefined) return standard;
    const number = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max)) {
      throw configFault(this.name(key), `must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
    }
    return number;
  }

  /** All members, which must be texts, as they are spelled. */
  texts(): readonly (readonly [key: string, text: string])[] {
    return [...this.entries.values()].flatMap(({ key }) => {
      const text = this.text(key);
      return text === undefined ? [] : [[key, text] as const];
    });
  }

  /** Everything below, lists left out. */
  json(): JsonObject {
    const result: JsonObject = {};
    for (const { key, value } of this.entries.values()) {
      if ('other' in value) continue;
      const member = 'text' in value ? value.text : this.child(key).json();
      Object.defineProperty(result, key, { value: member, writable: true, enumerable: true, configurable: true });
    }
    return result;
  }

  /** Keys that nobody read, by their full names, in the order of the file. */
  unread(): string[] {
    return [...this.entries].flatMap(([folded, entry]) => {
      if (!this.read.has(folded)) return [this.name(entry.key)];
      return this.read.get(folded)?.unread() ?? [];
    });
  }
}

/** Parses config.yaml, with `over` merged over it. Throws a Fault that says where the text is not YAML, or not a map. */
export function parseConfigTree(text: string, over?: JsonObject): ConfigNode {
  const file = parseFile(text);
  return over === undefined ? new ConfigNode('', file) : new ConfigNode('', overlaid(file, over, ''));
}

function overlaid(map: ReadonlyMap<string, Entry>, over: JsonObject, path: string): ReadonlyMap<string, Entry> {
  const result = new Map(map);
  for (const [name, value] of Object.entries(over)) {
    const folded = name.toLowerCase();
    const before = result.get(folded);
    const key = before?.key ?? name;
    const at = path === '' ? key : `${path}.${key}`;
    const made = value === undefined ? undefined : fromJson(value, before?.value, at);
    if (made === undefined) result.delete(folded);
    else result.set(folded, { key, value: made });
  }
  return result;
}

/** Null takes away what the file says. */
function fromJson(value: Json, before: Value | undefined, path: string): Value | undefined {
  if (value === null) return undefined;
  if (isJsonObject(value)) {
    return { map: overlaid(before !== undefined && 'map' in before ? before.map : new Map(), value, path) };
  }
  return Array.isArray(value) ? { other: true } : { text: String(value) };
}

function parseFile(text: string): ReadonlyMap<string, Entry> {
  const document = parseDocument(text, { schema: 'core', uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    // One line: what follows shows the place again, below a line of its own.
    throw new Fault(notValid, `config.yaml is not valid YAML: ${problem.message.split('\n')[0]?.replace(/:$/, '')}`);
  }
  const root = toValue(document.contents, '', 0);
  if (root === undefined) return new Map();
  if (!('map' in root)) throw new Fault(notValid, 'config.yaml must be a map with the keys system and services');
  return root.map;

  // Walked by hand, not as JavaScript values: numbers keep their text, and names such as __proto__ stay harmless.
  function toValue(node: unknown, path: string, depth: number): Value | undefined {
    if (depth > 32) throw configFault(path, 'is nested too deeply');
    if (isAlias(node)) return toValue(node.resolve(document), path, depth + 1);
    if (isScalar(node)) {
      if (node.value === null || node.value === undefined) return undefined;
      return { text: typeof node.value === 'string' ? node.value : (node.source ?? String(node.value)) };
    }
    if (!isMap(node)) return node === null ? undefined : { other: true };
    const map = new Map<string, Entry>();
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const name = path === '' ? key : `${path}.${key}`;
      if (map.has(key.toLowerCase())) throw configFault(name, 'is there twice (keys are case-insensitive)');
      const value = toValue(pair.value, name, depth + 1);
      if (value !== undefined) map.set(key.toLowerCase(), { key, value });
    }
    return { map };
  }
}
