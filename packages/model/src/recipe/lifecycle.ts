import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { collapseCase } from '../json-tools.ts';

/** `[!] onpath <executable>` or `[!] exists <path>`: when it holds, the step is skipped. The operand is one literal. */
export interface SkipIf {
  readonly test: 'onpath' | 'exists';
  readonly operand: string;
  readonly negated: boolean;
}

/** One step of a lifecycle. */
export interface LifecycleStep {
  readonly script: string;
  /** Run as the user of the runtime instead of the component's user. */
  readonly requiresPrivilege: boolean;
  /** Environment of this step; wins over {@link LifecycleSteps.setenv}. */
  readonly setenv: ReadonlyMap<string, string>;
  readonly skipif: SkipIf | undefined;
  /** Seconds; undefined: no limit (only `run`). */
  readonly timeoutSeconds: number | undefined;
  /** Bootstrap only: run again when a deployment that had run it rolls back. */
  readonly bootstrapOnRollback: boolean;
  /** Why the step cannot run (no Script, a bad Skipif): the component's step then fails with its `..._CONFIG_NOT_VALID`. */
  readonly problem: string | undefined;
}

/** A lifecycle as the runtime reads it: keys in any case, defaults filled in, an absent or empty step undefined. */
export interface LifecycleSteps {
  readonly setenv: ReadonlyMap<string, string>;
  readonly bootstrap: LifecycleStep | undefined;
  readonly install: LifecycleStep | undefined;
  readonly startup: LifecycleStep | undefined;
  readonly run: LifecycleStep | undefined;
  readonly shutdown: LifecycleStep | undefined;
  readonly recover: LifecycleStep | undefined;
  readonly uninstall: LifecycleStep | undefined;
  /** Seconds without an error after which the count of errors starts again. */
  readonly errorResetTimeSeconds: number;
}

/** The typed view of a lifecycle (recipes: lifecycle steps). Never throws: what a step gets wrong is its `problem`. */
export function lifecycleSteps(lifecycle: JsonObject): LifecycleSteps {
  const map = lowerCased(collapseCase(lifecycle));
  const errorResetTime = map.get('errorresettime');
  return {
    setenv: environment(map.get('setenv')),
    bootstrap: step(map.get('bootstrap'), 120),
    install: step(map.get('install'), 120),
    startup: step(map.get('startup'), 120),
    run: step(map.get('run'), undefined),
    shutdown: step(map.get('shutdown'), 15),
    recover: step(map.get('recover'), 60),
    uninstall: step(map.get('uninstall'), 120),
    errorResetTimeSeconds: errorResetTime === undefined ? 3600 : toInteger(errorResetTime),
  };
}

function lowerCased(object: JsonObject): Map<string, Json> {
  const map = new Map<string, Json>();
  for (const [key, value] of Object.entries(object)) if (value !== undefined) map.set(key.toLowerCase(), value);
  return map;
}

function step(value: Json | undefined, defaultTimeout: number | undefined): LifecycleStep | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const plain: LifecycleStep = {
    script: '',
    requiresPrivilege: false,
    setenv: new Map(),
    skipif: undefined,
    timeoutSeconds: defaultTimeout,
    bootstrapOnRollback: false,
    problem: undefined,
  };
  if (typeof value === 'string') return { ...plain, script: value };
  if (!isJsonObject(value)) return { ...plain, problem: 'the step is neither a script nor an object' };
  const fields = lowerCased(value);
  const script = fields.get('script');
  if (script === '') return undefined;
  const skipif = fields.get('skipif');
  const condition = skipif === undefined || skipif === null ? undefined : parseSkipIf(skipif);
  const timeout = fields.get('timeout');
  return {
    script: isScalarJson(script) ? String(script) : '',
    requiresPrivilege: toBoolean(fields.get('requiresprivilege')),
    setenv: environment(fields.get('setenv')),
    skipif: condition === 'invalid' ? undefined : condition,
    timeoutSeconds: timeout === undefined || timeout === null ? defaultTimeout : toInteger(timeout),
    bootstrapOnRollback: toBoolean(fields.get('bootstraponrollback')),
    problem: !isScalarJson(script)
      ? 'the step has no Script'
      : condition === 'invalid'
        ? `the Skipif ${JSON.stringify(skipif)} is neither onpath <executable> nor exists <path>`
        : undefined,
  };
}

function parseSkipIf(value: Json): SkipIf | 'invalid' {
  if (typeof value !== 'string') return 'invalid';
  const text = value.trim();
  const negated = text.startsWith('!');
  const parts = /^(onpath|exists) +(.+)$/s.exec(negated ? text.slice(1).trimStart() : text);
  const [, test, operand] = parts ?? [];
  if ((test !== 'onpath' && test !== 'exists') || operand === undefined) return 'invalid';
  return { test, operand, negated };
}

function environment(value: Json | undefined): Map<string, string> {
  const variables = new Map<string, string>();
  if (!isJsonObject(value)) return variables;
  for (const [name, variable] of Object.entries(value)) {
    if (variable === undefined || variable === null) continue;
    variables.set(name, typeof variable === 'object' ? JSON.stringify(variable) : String(variable));
  }
  return variables;
}

function isScalarJson(value: Json | undefined): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** The nucleus's coercion: exactly these spellings are true, `True` and `TRUE` are not. */
function toBoolean(value: Json | undefined): boolean {
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'string') return ['true', 'yes', 'on', 't', 'y', 'Y'].includes(value);
  return value === true;
}

/** The nucleus's coercion: what is not a number is 0. */
function toInteger(value: Json): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? Math.trunc(number) : 0;
}
