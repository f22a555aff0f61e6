import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault, isJsonObject, type JsonObject, messageOf } from '@greensward/kit';
import type { CreateLocalDeploymentRequest, RunWithInfo } from '@greensward/protocol/ipc';

/** The options of `sward device deploy`, as they are typed. */
export interface DeploymentOptions {
  readonly recipeDir?: string;
  readonly artifactDir?: string;
  readonly merge?: readonly string[];
  readonly remove?: readonly string[];
  readonly updateConfig?: string;
  readonly runWith?: readonly string[];
  readonly systemLimits?: string;
  readonly group?: string;
  readonly failureHandlingPolicy?: 'ROLLBACK' | 'DO_NOTHING';
}

/**
 * The request that the options stand for.
 *
 * @throws Fault `Usage`, naming the option.
 */
export function deploymentRequest(options: DeploymentOptions): CreateLocalDeploymentRequest {
  const { recipeDir, artifactDir, group, failureHandlingPolicy } = options;
  const add = new Map((options.merge ?? []).map((text) => pair(text, '=', '--merge', 'COMPONENT=VERSION')));
  const remove = (options.remove ?? []).flatMap((text) => text.split(',')).filter((name) => name !== '');
  const configuration = jsonOption(options.updateConfig, '--update-config');
  const runWith = runWithOf(options);
  return {
    ...(group === undefined ? {} : { groupName: group }),
    ...(add.size === 0 ? {} : { rootComponentVersionsToAdd: Object.fromEntries(add) }),
    ...(remove.length === 0 ? {} : { rootComponentsToRemove: remove }),
    ...(configuration === undefined ? {} : { componentToConfiguration: configuration }),
    ...(runWith.size === 0 ? {} : { componentToRunWithInfo: Object.fromEntries(runWith) }),
    ...(recipeDir === undefined ? {} : { recipeDirectoryPath: resolve(recipeDir) }),
    ...(artifactDir === undefined ? {} : { artifactsDirectoryPath: resolve(artifactDir) }),
    ...(failureHandlingPolicy === undefined ? {} : { failureHandlingPolicy }),
  };
}

function runWithOf(options: DeploymentOptions): Map<string, RunWithInfo> {
  const info = new Map<string, RunWithInfo>();
  const form = 'COMPONENT:posixUser=USER[:GROUP] or COMPONENT:windowsUser=USER';
  for (const text of options.runWith ?? []) {
    const [component, rest] = pair(text, ':', '--run-with', form);
    const [key, user] = pair(rest, '=', '--run-with', form);
    if (key !== 'posixUser' && key !== 'windowsUser') throw wrong('--run-with', text, form);
    info.set(component, { ...info.get(component), [key]: user });
  }
  for (const [component, limits] of Object.entries(jsonOption(options.systemLimits, '--system-limits') ?? {})) {
    if (!isJsonObject(limits)) throw new Fault('Usage', `--system-limits: ${component} must have an object`);
    const { memory, cpus } = limits;
    const given = { ...(typeof memory === 'number' ? { memory } : {}), ...(typeof cpus === 'number' ? { cpus } : {}) };
    if (Object.keys(given).length !== Object.keys(limits).length)
      throw new Fault('Usage', `--system-limits: ${component} may have the numbers memory (kilobytes) and cpus`);
    info.set(component, { ...info.get(component), systemResourceLimits: given });
  }
  return info;
}

/** JSON, or the name of a file that holds it. */
function jsonOption(text: string | undefined, option: string): JsonObject | undefined {
  if (text === undefined) return undefined;
  const json = text.trimStart().startsWith('{') ? text : fileText(text, option);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Fault('Usage', `${option}: not JSON: ${messageOf(cause)}`, { cause });
  }
  if (isJsonObject(value)) return value;
  throw new Fault('Usage', `${option}: an object with the names of components is expected`);
}

function fileText(path: string, option: string): string {
  if (!existsSync(path)) throw new Fault('Usage', `${option}: neither JSON nor a file: ${path}`);
  return readFileSync(path, 'utf8');
}

function pair(text: string, separator: string, option: string, form: string): [string, string] {
  const at = text.indexOf(separator);
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw wrong(option, text, form);
}

function wrong(option: string, text: string, form: string): Fault {
  return new Fault('Usage', `${option}: ${JSON.stringify(text)} is not of the form ${form}`);
}
