import type {
  Constraints,
  Member,
  MemberTable,
  Operation,
  OperationTable,
  Segment,
  ServiceTable,
  Shape,
  Structure,
  StructureTable,
} from './table.ts';

export type { Operation } from './table.ts';

/** A declared error of a service: its HTTP status and the members its body (or headers) carry besides `message`. */
export interface ErrorShape {
  readonly status: number;
  readonly members: readonly Member[];
}

/** One service: its served operations with their types, and what is known of the rest. */
export interface Service<T> {
  readonly name: string;
  readonly operations: T;
  readonly errors: ReadonlyMap<string, ErrorShape>;
  /** Every operation of the SDK, served or not: name -> method and path template. */
  readonly allOperations: ReadonlyMap<string, readonly [method: string, uri: string]>;
}

/** Links a generated table with its constraints. Throws an Error when a constraint names no member: a typing mistake. */
export function defineService<T>(table: ServiceTable, constraints: Constraints): Service<T> {
  const linker = new Linker(table, constraints);
  const operations: unknown = Object.fromEntries(
    Object.entries(table.operations).map(([name, entry]) => [name, linker.operation(name, entry)]),
  );
  const errors = new Map(
    Object.entries(table.errors).map(([name, entry]) => [
      name,
      { status: entry.status, members: linker.members(name, entry.members) },
    ]),
  );
  linker.assertAllUsed();
  return {
    name: table.service,
    operations: operations as T,
    errors,
    allOperations: new Map(Object.entries(table.allOperations)),
  };
}

class Linker {
  private readonly table: ServiceTable;
  private readonly constraints: ReadonlyMap<string, Constraints[string]>;
  private readonly used = new Set<string>();
  private readonly structures = new Map<string, Structure>();

  constructor(table: ServiceTable, constraints: Constraints) {
    this.table = table;
    this.constraints = new Map(Object.entries(constraints));
  }

  operation(name: string, entry: OperationTable): Operation<unknown, unknown> {
    return {
      service: this.table.service,
      name,
      method: entry.method,
      uri: entry.uri,
      segments: segmentsOf(entry.uri),
      status: entry.status,
      input: entry.input === undefined ? { kind: 'structure', name: 'Unit', members: [] } : this.structure(entry.input),
      output: entry.output === undefined ? undefined : this.structure(entry.output),
      errors: entry.errors,
    };
  }

  members(owner: string, entries: StructureTable): Member[] {
    return Object.entries(entries).map(([name, entry]) => this.member(owner, name, entry));
  }

  private structure(name: string): Structure {
    const known = this.structures.get(name);
    if (known !== undefined) return known;
    const entries = this.table.structures[name];
    if (entries === undefined) throw new Error(`${this.table.service}: no structure ${name}`);
    const members: Member[] = [];
    const structure: Structure = { kind: 'structure', name, members };
    this.structures.set(name, structure); // Before its members: a structure may hold itself.
    members.push(...this.members(name, entries));
    return structure;
  }

  private member(owner: string, name: string, entry: MemberTable): Member {
    return {
      name,
      wire: entry.wire ?? name,
      in: entry.in ?? 'body',
      required: entry.required ?? false,
      shape: this.shape(entry.type),
      constraint: this.constraint(`${owner}.${name}`) ?? this.constraint(`*.${name}`),
    };
  }

  private constraint(key: string): Constraints[string] | undefined {
    const found = this.constraints.get(key);
    if (found !== undefined) this.used.add(key);
    return found;
  }

  private shape(type: string): Shape {
    if (type.startsWith('[')) return { kind: 'list', element: this.shape(type.slice(1, -1)) };
    if (type.startsWith('{')) return { kind: 'map', element: this.shape(type.slice(1, -1)) };
    if (type.startsWith('@')) return { kind: 'string', values: this.table.enums[type.slice(1)] ?? [] };
    switch (type) {
      case 'string':
      case 'number':
      case 'boolean':
      case 'timestamp':
      case 'blob':
      case 'json':
        return { kind: type };
      default:
        return this.structure(type);
    }
  }

  assertAllUsed(): void {
    const unused = [...this.constraints.keys()].filter((key) => !this.used.has(key));
    if (unused.length > 0) throw new Error(`${this.table.service}: constraints on no member: ${unused.join(', ')}`);
  }
}

function segmentsOf(uri: string): Segment[] {
  return uri
    .split('/')
    .slice(1)
    .map((part) => {
      const label = part.match(/^\{(\w+)(\+?)\}$/);
      return label === null ? { literal: part } : { label: label[1] ?? '', greedy: label[2] === '+' };
    });
}
