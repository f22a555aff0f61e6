import { Fault, isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { formatPath, type Path, parseError, type Source } from './source.ts';

/** Collects what is wrong in different places of one document, so that all of it can be told at once. */
export class Problems {
  readonly faults: Fault[] = [];

  /** What `read` gives; `fallback` when it fails, with the fault kept. */
  attempt<T>(fallback: T, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.faults.push(error);
      return fallback;
    }
  }
}

/** One value of the document with its place. Members are looked up case-insensitively; null reads as absent. */
export class Reader {
  readonly path: Path;
  readonly value: Json | undefined;
  readonly #source: Source;
  #members: ReadonlyMap<string, string> | undefined;

  /** `value` undefined with an empty path: the root of `source`. */
  constructor(source: Source, path: Path = [], value?: Json) {
    this.#source = source;
    this.path = path;
    this.value = path.length === 0 ? source.value : value;
  }

  /** The line (from 1) of this value's key, or of the nearest value above it. */
  get line(): number | undefined {
    return this.#source.line(this.path);
  }

  error(message: string): Fault {
    return parseError(message, this.path, this.line);
  }

  /** The member `key` as it is spelled in the document, or as modelled when it is absent. */
  at(key: string): Reader {
    const object = this.object();
    const spelled = this.#spellings(object).get(key.toLowerCase()) ?? key;
    return this.#member(object, spelled);
  }

  child(key: string): Reader | undefined {
    const member = this.at(key);
    if (member.#isNull()) return undefined;
    member.object();
    return member;
  }

  /** The elements of a list; a missing list is empty. Whether each is an object is for {@link element} to say. */
  children(key: string): Reader[] {
    const list = this.at(key);
    return list.#elements().map((value, index) => new Reader(this.#source, [...list.path, index], value));
  }

  /** Refuses an element of a list that is null or no object. */
  element(): this {
    if (this.value === null) {
      throw this.error(`${formatPath(this.path.slice(-2, -1))} contains one or more null element(s)`);
    }
    this.object();
    return this;
  }

  /** The members of a map whose keys are data, not model: their case matters. */
  entries(key: string): [string, Reader][] {
    const map = this.at(key);
    return map.#isNull() ? [] : map.members();
  }

  /** Every member as it is spelled. */
  members(): [string, Reader][] {
    const object = this.object();
    return Object.keys(object).map((name) => [name, this.#member(object, name)]);
  }

  /** True when the object has exactly this key. */
  has(name: string): boolean {
    return Object.hasOwn(this.object(), name);
  }

  /** What is directly in an object or a list; nothing for any other value. */
  inside(): Reader[] {
    if (isJsonObject(this.value)) return this.members().map(([, member]) => member);
    if (!Array.isArray(this.value)) return [];
    return this.value.map((value, index) => new Reader(this.#source, [...this.path, index], value));
  }

  freeForm(key: string): JsonObject {
    const member = this.at(key);
    return member.#isNull() ? {} : member.object();
  }

  text(key: string): string | undefined {
    return this.at(key).#text();
  }

  requiredText(key: string): string {
    const member = this.at(key);
    const text = member.#text();
    if (text === undefined) throw member.error('is required');
    return text;
  }

  textMap(key: string): Map<string, string | null> {
    return new Map(this.entries(key).map(([name, entry]) => [name, entry.#text() ?? null]));
  }

  textList(key: string): string[] {
    return this.children(key).map((element) => {
      const text = element.#text();
      if (text === undefined) element.element();
      return text ?? '';
    });
  }

  /** `fallback` undefined: the key is required. */
  enumeration<T extends string>(key: string, values: readonly T[], fallback: T | undefined): T {
    const member = this.at(key);
    const text = member.#text();
    if (text === undefined) {
      if (fallback === undefined) throw member.error('is required');
      return fallback;
    }
    const value = values.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (value === undefined) throw member.error(`${JSON.stringify(text)} is not one of ${values.join(', ')}`);
    return value;
  }

  object(): JsonObject {
    if (!isJsonObject(this.value))
      throw this.error(this.path.length === 0 ? 'a recipe is an object' : 'must be an object');
    return this.value;
  }

  #isNull(): boolean {
    return this.value === undefined || this.value === null;
  }

  #elements(): Json[] {
    if (this.value === undefined || this.value === null) return [];
    if (!Array.isArray(this.value)) throw this.error('must be a list');
    return this.value;
  }

  #member(object: JsonObject, key: string): Reader {
    return new Reader(this.#source, [...this.path, key], Object.hasOwn(object, key) ? object[key] : undefined);
  }

  /** Numbers and booleans are accepted where text is asked, as they were written, like the nucleus's reader does. */
  #text(): string | undefined {
    const { value } = this;
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean')
      return this.#source.written(this.path) ?? String(value);
    throw this.error('must be text');
  }

  #spellings(object: JsonObject): ReadonlyMap<string, string> {
    if (this.#members !== undefined) return this.#members;
    const spellings = new Map<string, string>();
    for (const key of Object.keys(object)) {
      const earlier = spellings.get(key.toLowerCase());
      if (earlier !== undefined) {
        throw this.#member(object, key).error(`the key appears twice, as ${earlier} and ${key}`);
      }
      spellings.set(key.toLowerCase(), key);
    }
    this.#members = spellings;
    return spellings;
  }
}
