// What an author is told of a recipe before it is published: everything that is wrong, not only the first mistake, and what is
// accepted but cannot have been meant.
import { Fault } from '@greensward/kit';
import { readRecipe } from '../parse.ts';
import { Problems, Reader } from '../reader.ts';
import { formatPath, readSource, type Source } from '../source.ts';
import type { Recipe } from '../types.ts';
import { checkArtifacts } from './artifacts.ts';
import type { Finding, Report } from './findings.ts';
import { checkKeys } from './keys.ts';
import { checkLifecycles } from './lifecycles.ts';
import { checkPlatforms } from './platforms.ts';
import { checkVariables } from './variables.ts';

export type { Finding } from './findings.ts';

/** A checked recipe; `recipe` is undefined when it has errors of form. */
export interface CheckedRecipe {
  readonly recipe: Recipe | undefined;
  /** In the order of their lines. */
  readonly findings: readonly Finding[];
}

/** Checks the text of a recipe, JSON or YAML, by the code that cloud and device read it with. Never throws. */
export function checkRecipe(text: string): CheckedRecipe {
  const findings: Finding[] = [];
  const source = attempt(findings, () => readSource(text));
  const read = source && attempt(findings, () => readRecipe(source, {}));
  if (source === undefined || read === undefined) return { recipe: undefined, findings };
  findings.push(...read.problems.map(asFinding));
  look(source, read.recipe, findings);
  findings.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { recipe: read.problems.length === 0 ? read.recipe : undefined, findings };
}

function look(source: Source, recipe: Recipe, findings: Finding[]): void {
  const root = new Reader(source);
  const report: Report = (severity, at, message) =>
    findings.push({ severity, path: formatPath(at.path), line: at.line, message });
  // Where the form is broken, what is wrong has been said by the parser.
  for (const check of [checkKeys, checkPlatforms, checkArtifacts, checkLifecycles, checkVariables]) {
    new Problems().attempt(undefined, () => check(root, recipe, report));
  }
}

function attempt<T>(findings: Finding[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    findings.push(asFinding(error));
    return undefined;
  }
}

function asFinding(fault: Fault): Finding {
  const { path, line } = fault.context;
  const where = typeof path === 'string' ? path : '';
  const at = typeof line === 'number' ? line : undefined;
  // The message begins with the place, which a finding has apart.
  const prefix = [where, at === undefined ? '' : `line ${at}`].filter((part) => part !== '').join(', ');
  const message = fault.message.startsWith(`${prefix}: `) ? fault.message.slice(prefix.length + 2) : fault.message;
  return { severity: 'error', path: where, line: at, message };
}
