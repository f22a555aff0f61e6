/** A point in time: epoch milliseconds. On the wire of a `timestamp` member: epoch seconds, a number with a fraction. */
export type Timestamp = number;

/**
 * One member of a structure, as the generator writes it. `type` is `string`, `number`, `boolean`, `timestamp`, `blob`,
 * `json` (any JSON), `@Enum`, `[element]`, `{value}` or the name of a structure.
 */
export interface MemberTable {
  readonly type: string;
  readonly required?: true;
  /** Where it travels; in the JSON body when absent. `payload` is the whole body. */
  readonly in?: 'label' | 'query' | 'header' | 'payload';
  /** The name on the wire where it differs. Header names are lower case. */
  readonly wire?: string;
}

export interface OperationTable {
  readonly method: string;
  /** Path template: `{label}` is one segment, `{label+}` the rest of the path. */
  readonly uri: string;
  readonly status: number;
  readonly input?: string;
  readonly output?: string;
  readonly errors: readonly string[];
}

export type StructureTable = { readonly [member: string]: MemberTable };

/** What the generator knows of one service. */
export interface ServiceTable {
  readonly service: string;
  readonly operations: { readonly [name: string]: OperationTable };
  readonly enums: { readonly [name: string]: readonly string[] };
  readonly structures: { readonly [name: string]: StructureTable };
  readonly errors: { readonly [name: string]: { readonly status: number; readonly members: StructureTable } };
  /** Every operation the SDK has, served or not: name -> method and path template. */
  readonly allOperations: { readonly [name: string]: readonly [method: string, uri: string] };
}

/**
 * A limit on one member. `min` and `max` bound a string's length in code points, a blob's in bytes, a list's or map's
 * number of entries, or a number's value. Numbers are integers unless `decimals` says how many fraction digits are legal.
 */
export interface Constraint {
  readonly min?: number;
  readonly max?: number;
  /** Must match the whole string; written with ^ and $. */
  readonly pattern?: RegExp;
  /** What matches the pattern, in words: the message says `must be` or `must have` it. */
  readonly legal?: `${'be' | 'have'} ${string}`;
  readonly decimals?: number;
  /** Values a string must be one of, where the SDK declares no enum or a narrower set is legal on input. */
  readonly values?: readonly string[];
  /** On the keys of a map. */
  readonly key?: Constraint;
  /** On the elements of a list or the values of a map. */
  readonly each?: Constraint;
}

/** `Structure.member` -> limit, or `*.member` for a member of that name in every input structure of the service. */
export type Constraints = { readonly [member: string]: Constraint };

/** A linked type: what the walker walks. */
export type Shape =
  | {
      readonly kind: 'string' | 'number' | 'boolean' | 'timestamp' | 'blob' | 'json';
      readonly values?: readonly string[];
    }
  | { readonly kind: 'list' | 'map'; readonly element: Shape }
  | Structure;

export interface Structure {
  readonly kind: 'structure';
  readonly name: string;
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly wire: string;
  readonly in: 'label' | 'query' | 'header' | 'payload' | 'body';
  readonly required: boolean;
  readonly shape: Shape;
  readonly constraint: Constraint | undefined;
}

/** One segment of a path template. */
export type Segment = { readonly literal: string } | { readonly label: string; readonly greedy: boolean };

/** One served operation, linked: give it to the walker. `I` and `O` are its input and output. */
export interface Operation<I, O> {
  readonly service: string;
  readonly name: string;
  readonly method: string;
  readonly uri: string;
  readonly segments: readonly Segment[];
  readonly status: number;
  readonly input: Structure;
  /** Undefined when the operation answers nothing. */
  readonly output: Structure | undefined;
  readonly errors: readonly string[];
  /** Never set: carries the types. */
  readonly types?: readonly [input: I, output: O];
}
