import { isJsonObject } from '@greensward/kit';
import { lifecycleSteps } from '../lifecycle.ts';
import type { Reader } from '../reader.ts';
import { effectiveLifecycle } from '../select.ts';
import type { Recipe } from '../types.ts';
import type { Report } from './findings.ts';
import { otherSpelling } from './keys.ts';

const STEPS = ['bootstrap', 'install', 'startup', 'run', 'shutdown', 'recover', 'uninstall'] as const;
const FIELDS = ['script', 'requiresprivilege', 'setenv', 'skipif', 'timeout', 'bootstraponrollback'];

/** What the lifecycles say to a device, step by step and selection by selection. */
export function checkLifecycles(root: Reader, recipe: Recipe, report: Report): void {
  const global = root.at('Lifecycle');
  const keywords = new Set(['all', ...recipe.manifests.flatMap(({ selections }) => selections)]);
  const hasGlobal = Object.keys(recipe.lifecycle).length > 0;
  for (const [index, place] of root.children('Manifests').entries()) {
    const manifest = recipe.manifests[index];
    if (manifest === undefined || !isJsonObject(place.value)) continue;
    const own = place.at('Lifecycle');
    if (Object.keys(manifest.lifecycle).length > 0) {
      if (hasGlobal) report('warning', own, 'this manifest has a Lifecycle of its own, so the global one is ignored');
      if (manifest.selections.length > 0) {
        report('warning', place.at('Selections'), 'select from the global Lifecycle only, which this manifest ignores');
      }
      checkLevel(own, report);
    } else if (hasGlobal && Object.keys(effectiveLifecycle(recipe, manifest)).length === 0) {
      report('warning', place, 'nothing of the global Lifecycle is for this manifest: there is no step to run');
    }
  }
  if (isJsonObject(global.value)) checkGlobal(global, keywords, report);
}

/** A selector level is looked at section by section; any other is a map of steps. */
function checkGlobal(at: Reader, keywords: ReadonlySet<string>, report: Report): void {
  if (!isSelectorLevel(at, keywords, report)) {
    checkLevel(at, report, keywords);
    return;
  }
  for (const [name, section] of at.members()) {
    if (keywords.has(name) && isJsonObject(section.value)) checkGlobal(section, keywords, report);
  }
}

function isSelectorLevel(at: Reader, keywords: ReadonlySet<string>, report: Report): boolean {
  const members = at.members();
  const selectors = members.some(([name]) => keywords.has(name));
  for (const [name, member] of members) {
    if (keywords.has(name)) continue;
    const meant = [...keywords].find((keyword) => keyword.toLowerCase() === name.toLowerCase());
    if (meant !== undefined) report('warning', member, `is not the selection ${meant}: their case matters`);
    else if (selectors) report('warning', member, 'is dropped: it stands beside selections, and none selects it');
  }
  return selectors;
}

function checkLevel(at: Reader, report: Report, keywords: ReadonlySet<string> = new Set()): void {
  if (!isJsonObject(at.value)) return;
  const names = new Map(at.members().map(([name, member]) => [name.toLowerCase(), member]));
  for (const [name, member] of at.members()) {
    const other = otherSpelling(at.value, name);
    if (other !== undefined) report('warning', member, `is the same key as ${other}; the last one wins`);
    const step = STEPS.find((known) => known === name.toLowerCase());
    if (step !== undefined) checkStep(step, member, report, keywords);
    else if (!['setenv', 'errorresettime'].includes(name.toLowerCase())) {
      report('warning', member, `is not a step of a lifecycle and never runs; there are ${STEPS.join(', ')}`);
    }
  }
  const run = names.get('run');
  if (run !== undefined && names.has('startup') && lifecycleSteps(at.object()).startup?.skipif === undefined) {
    report('warning', run, 'never runs: there is a startup, and only one of the two is used');
  }
}

function checkStep(name: (typeof STEPS)[number], at: Reader, report: Report, keywords: ReadonlySet<string>): void {
  if (at.value === null || at.value === '') return;
  if (isJsonObject(at.value) && keywords.size > 0 && isSelectorLevel(at, keywords, report)) {
    for (const [section, body] of at.members()) {
      if (keywords.has(section)) checkStep(name, body, report, keywords);
    }
    return;
  }
  if (!isJsonObject(at.value)) {
    const problem = lifecycleSteps({ [name]: at.value ?? null })[name]?.problem;
    if (problem !== undefined) report('error', at, problem);
    return;
  }
  checkFields(name, at, report, keywords);
}

function checkFields(name: (typeof STEPS)[number], at: Reader, report: Report, keywords: ReadonlySet<string>): void {
  const object = at.object();
  // A field that is a selector level has as many values as sections: none of them is known here.
  const selected = (field: Reader) => isJsonObject(field.value) && [...keywords].some((word) => field.has(word));
  const script = at.at('Script');
  if (!selected(script)) {
    const problem = lifecycleSteps({ [name]: object })[name]?.problem;
    const where = problem?.includes('Skipif') === true ? at.at('Skipif') : script;
    if (problem !== undefined && !selected(where)) report('error', where, problem);
  }
  const timeout = at.at('Timeout').value;
  if (typeof timeout === 'string' && !isNumber(timeout) && !/\{[^{}]*:[^{}]*\}/.test(timeout)) {
    report('error', at.at('Timeout'), `${JSON.stringify(timeout)} is no number of seconds: the step ends at once`);
  }
  const privilege = at.at('RequiresPrivilege').value;
  if (
    typeof privilege === 'string' &&
    !['true', 'false', 'yes', 'no', 'on', 'off', 't', 'y', 'Y'].includes(privilege)
  ) {
    const problem = `${JSON.stringify(privilege)} counts as false; true, yes, on, t, y and Y do not`;
    report('warning', at.at('RequiresPrivilege'), problem);
  }
  for (const [field, member] of at.members()) {
    if (!FIELDS.includes(field.toLowerCase())) {
      report('warning', member, 'is not a key of a step and is ignored');
    } else if (field.toLowerCase() === 'bootstraponrollback' && name !== 'bootstrap') {
      report('warning', member, 'means something in a bootstrap step only');
    }
  }
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}
