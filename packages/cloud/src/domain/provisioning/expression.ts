import { Fault, isJsonObject, type Json } from '@greensward/kit';

// Values of a provisioning template: JSON with the intrinsic functions that AWS IoT documents for it (Ref, Fn::Join,
// Fn::Select, Fn::Split, Fn::FindInMap, Fn::Sub). Parsed when the template is created, so that its mistakes are told then;
// evaluated when a device is provisioned.

/** A parsed value; `path` is where it stands in the template, for messages. */
export type Expression = { readonly path: string } & (
  | { readonly kind: 'literal'; readonly value: null | boolean | number | string }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Expression> }
  | { readonly kind: 'ref'; readonly name: string }
  | { readonly kind: 'join'; readonly delimiter: string; readonly list: Expression }
  | { readonly kind: 'select'; readonly index: Expression; readonly list: Expression }
  | { readonly kind: 'split'; readonly delimiter: string; readonly source: Expression }
  | { readonly kind: 'find-in-map'; readonly keys: readonly [Expression, Expression, Expression] }
  | { readonly kind: 'sub'; readonly parts: readonly SubPart[]; readonly variables: ReadonlyMap<string, Expression> }
);

/** Text that stands for itself, or the name of what stands there. */
type SubPart = { readonly text: string } | { readonly name: string };

/** Map name -> top-level key -> second-level key -> value. */
export type Mappings = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, string | readonly string[]>>>;

/** What the names in a template mean. */
export interface Scope {
  readonly values: ReadonlyMap<string, string>;
  readonly mappings: Mappings;
  /** Characters that may still be made; counted down. Functions inside functions could double a text at every level. */
  budget: number;
}

/** The longest text that a function makes; characters. */
const maxText = 16_384;

/** Every mistake in a template, and in what it makes of parameters, names its place. */
export function templateFault(path: string, message: string): Fault {
  return new Fault('InvalidRequestException', `${path}: ${message}`, { context: { path } });
}

/** Throws a fault that names the place. `declared` are the parameters that may be referred to. */
export function parseExpression(value: unknown, path: string, declared: ReadonlySet<string>): Expression {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') {
    return { kind: 'literal', value, path };
  }
  if (Array.isArray(value)) {
    const items = value.map((item, index) => parseExpression(item, `${path}[${index}]`, declared));
    return { kind: 'list', items, path };
  }
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  const called = entries.find(([name]) => isFunction(name));
  if (called === undefined) {
    const members = entries.map(
      ([name, member]) => [name, parseExpression(member, `${path}.${name}`, declared)] as const,
    );
    return { kind: 'object', members: new Map(members), path };
  }
  const [name, argument] = called;
  if (entries.length > 1) throw templateFault(path, `${name} stands with other members`);
  return parseCall(name, argument, `${path}.${name}`, declared);
}

/** True for the name of an intrinsic function, known or not. */
function isFunction(name: string): boolean {
  return name === 'Ref' || name.startsWith('Fn::');
}

function parseCall(name: string, argument: unknown, path: string, declared: ReadonlySet<string>): Expression {
  const parse = (value: unknown, at: string) => parseExpression(value, `${path}${at}`, declared);
  const args: readonly unknown[] = Array.isArray(argument) ? argument : [];
  const need = (count: number, what: string) => {
    if (args.length !== count) throw templateFault(path, `must be [${what}]`);
  };
  switch (name) {
    case 'Ref':
      if (typeof argument !== 'string') throw templateFault(path, 'must be the name of a parameter');
      requireDeclared(argument, path, declared);
      return { kind: 'ref', name: argument, path };
    case 'Fn::Join':
      need(2, 'delimiter, list');
      return { kind: 'join', delimiter: textOf(args[0], `${path}[0]`), list: parse(args[1], '[1]'), path };
    case 'Fn::Select':
      need(2, 'index, list');
      return { kind: 'select', index: parse(args[0], '[0]'), list: parse(args[1], '[1]'), path };
    case 'Fn::Split': {
      need(2, 'delimiter, text');
      const delimiter = textOf(args[0], `${path}[0]`);
      if (delimiter === '') throw templateFault(`${path}[0]`, 'must not be empty');
      return { kind: 'split', delimiter, source: parse(args[1], '[1]'), path };
    }
    case 'Fn::FindInMap':
      need(3, 'map, top-level key, second-level key');
      return { kind: 'find-in-map', keys: [parse(args[0], '[0]'), parse(args[1], '[1]'), parse(args[2], '[2]')], path };
    case 'Fn::Sub':
      return parseSub(argument, path, declared);
    default:
      throw templateFault(path, 'is not a function of provisioning templates');
  }
}

function parseSub(argument: unknown, path: string, declared: ReadonlySet<string>): Expression {
  const args: readonly unknown[] = Array.isArray(argument) ? argument : [argument, {}];
  const [text, given] = args;
  if (args.length !== 2 || typeof text !== 'string' || !isJsonObject(given)) {
    throw templateFault(path, 'must be a text, or [text, variables]');
  }
  const variables = new Map<string, Expression>();
  for (const [name, value] of Object.entries(given)) {
    variables.set(name, parseExpression(value, `${path}[1].${name}`, declared));
  }
  const parts: SubPart[] = [];
  let from = 0;
  for (const found of text.matchAll(/\$\{(!?)([^${}]*)\}/g)) {
    const [whole, literal, name = ''] = found;
    parts.push({ text: text.slice(from, found.index) });
    // `${!Name}` stands for `${Name}`, so that policy variables can be written.
    if (literal === '!') parts.push({ text: `\${${name}}` });
    else {
      if (!variables.has(name)) requireDeclared(name, path, declared);
      parts.push({ name });
    }
    from = found.index + whole.length;
  }
  parts.push({ text: text.slice(from) });
  return { kind: 'sub', parts, variables, path };
}

function requireDeclared(name: string, path: string, declared: ReadonlySet<string>): void {
  if (!declared.has(name)) throw templateFault(path, `there is no parameter ${JSON.stringify(name)}`);
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== 'string') throw templateFault(path, 'must be a string');
  return value;
}

/** Throws a fault that names the place. Members keep their order; none is taken from a prototype. */
export function evaluate(expression: Expression, scope: Scope): Json {
  const { path } = expression;
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'list':
      return expression.items.map((item) => evaluate(item, scope));
    case 'object':
      // fromEntries defines members, also one called __proto__.
      return Object.fromEntries([...expression.members].map(([name, member]) => [name, evaluate(member, scope)]));
    case 'ref':
      return made([parameterOf(expression.name, path, scope)], path, scope);
    case 'join': {
      const list = strings(evaluate(expression.list, scope), expression.list.path);
      return made(
        list.flatMap((item, index) => (index === 0 ? [item] : [expression.delimiter, item])),
        path,
        scope,
      );
    }
    case 'select': {
      const list = evaluate(expression.list, scope);
      const index = indexOf(evaluate(expression.index, scope), expression.index.path);
      if (!Array.isArray(list)) throw templateFault(expression.list.path, 'must be a list');
      const chosen = list[index];
      if (chosen === undefined) throw templateFault(path, `there is no item ${index} in a list of ${list.length}`);
      return chosen;
    }
    case 'split': {
      const source = string(evaluate(expression.source, scope), expression.source.path);
      return made([source], path, scope).split(expression.delimiter);
    }
    case 'find-in-map':
      return findInMap(expression.keys, path, scope);
    case 'sub':
      return made(
        expression.parts.map((part) => {
          if ('text' in part) return part.text;
          const variable = expression.variables.get(part.name);
          return variable === undefined
            ? parameterOf(part.name, path, scope)
            : string(evaluate(variable, scope), variable.path);
        }),
        path,
        scope,
      );
  }
}

function findInMap(keys: readonly [Expression, Expression, Expression], path: string, scope: Scope): Json {
  const [map, top, second] = keys.map((key) => string(evaluate(key, scope), key.path));
  const found = scope.mappings
    .get(map ?? '')
    ?.get(top ?? '')
    ?.get(second ?? '');
  if (found === undefined) throw templateFault(path, `no mapping has ${JSON.stringify([map, top, second])}`);
  if (typeof found === 'string') return made([found], path, scope);
  made(found, path, scope);
  return [...found];
}

function parameterOf(name: string, path: string, scope: Scope): string {
  const value = scope.values.get(name);
  if (value === undefined) throw templateFault(path, `the parameter ${JSON.stringify(name)} has no value`);
  return value;
}

/** The parts as one text, unless it or all texts together would be too long: told before it is made. */
function made(parts: readonly string[], path: string, scope: Scope): string {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  scope.budget -= length;
  if (length > maxText || scope.budget < 0)
    throw templateFault(path, `makes a text of more than ${maxText} characters`);
  return parts.join('');
}

function strings(value: Json, path: string): readonly string[] {
  if (!Array.isArray(value)) throw templateFault(path, 'must be a list of strings');
  return value.map((item, index) => string(item, `${path}[${index}]`));
}

function string(value: Json, path: string): string {
  if (typeof value !== 'string') throw templateFault(path, 'must be a string');
  return value;
}

function indexOf(value: Json, path: string): number {
  const index = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value;
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw templateFault(path, 'must be a number from 0');
  }
  return index;
}
