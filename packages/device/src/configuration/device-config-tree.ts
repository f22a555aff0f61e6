import { Fault } from '@greensward/kit';
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

  /** Keys that nobody read, by their full names, in the order of the file. */
  unread(): string[] {
    return [...this.entries].flatMap(([folded, entry]) => {
      if (!this.read.has(folded)) return [this.name(entry.key)];
      return this.read.get(folded)?.unread() ?? [];
    });
  }
}

/** Parses config.yaml. Throws a Fault that says where the text is not YAML, or not a map. */
export function parseConfigTree(text: string): ConfigNode {
  const document = parseDocument(text, { schema: 'core', uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    // One line: what follows shows the place again, below a line of its own.
    throw new Fault(notValid, `config.yaml is not valid YAML: ${problem.message.split('\n')[0]?.replace(/:$/, '')}`);
  }
  const root = toValue(document.contents, '', 0);
  if (root === undefined) return new ConfigNode('', new Map());
  if (!('map' in root)) throw new Fault(notValid, 'config.yaml must be a map with the keys system and services');
  return new ConfigNode('', root.map);

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
