import { Fault, isJsonObject } from '@greensward/kit';
import { parseJson } from './walker/json.ts';

/** The members of one JSON object of an MQTT payload, read without trust: a member of another type is absent. */
export class Payload {
  private readonly members: ReadonlyMap<string, unknown>;

  constructor(members: ReadonlyMap<string, unknown>) {
    this.members = members;
  }

  has(name: string): boolean {
    return this.members.has(name);
  }

  raw(name: string): unknown {
    return this.members.get(name);
  }

  string(name: string): string | undefined {
    const value = this.members.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  boolean(name: string): boolean | undefined {
    const value = this.members.get(name);
    return typeof value === 'boolean' ? value : undefined;
  }

  /** A whole number; a fraction is cut off, as the nucleus does. */
  integer(name: string): number | undefined {
    const value = this.members.get(name);
    return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : undefined;
  }

  /** The strings of a list. */
  strings(name: string): string[] | undefined {
    const value = this.members.get(name);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
  }

  object(name: string): Payload | undefined {
    return payloadOf(this.members.get(name));
  }

  /** The objects of a list. */
  objects(name: string): Payload[] {
    const value = this.members.get(name);
    return Array.isArray(value) ? value.map(payloadOf).filter((item) => item !== undefined) : [];
  }

  /** A map of strings without a prototype. */
  stringMap(name: string): Record<string, string> | undefined {
    const value = this.members.get(name);
    if (!isJsonObject(value)) return undefined;
    const map: Record<string, string> = Object.create(null);
    for (const [key, item] of Object.entries(value)) if (typeof item === 'string') map[key] = item;
    return map;
  }
}

function payloadOf(value: unknown): Payload | undefined {
  return isJsonObject(value) ? new Payload(new Map(Object.entries(value))) : undefined;
}

/** @throws Fault `code` when the bytes are not one JSON object. An empty payload reads as an empty object. */
export function readPayload(bytes: Uint8Array, code: string): Payload {
  if (bytes.length === 0) return new Payload(new Map());
  const parsed = parseJson(bytes);
  if ('problem' in parsed) throw new Fault(code, `The payload ${parsed.problem}`);
  const payload = payloadOf(parsed.value);
  if (payload === undefined) throw new Fault(code, 'The payload must be a JSON object');
  return payload;
}
