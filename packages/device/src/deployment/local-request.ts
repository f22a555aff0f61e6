import { Fault, isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import type { DocumentRunWith, FailureHandlingPolicy } from '@greensward/model/deployment-document';
import { isVersion } from '@greensward/model/version';
import type { CreateLocalDeploymentRequest, RunWithInfo } from '@greensward/protocol/ipc';

/** What a local deployment asks for, checked: plain JSON, as the journal keeps it until its turn comes. */
export interface LocalRequest {
  readonly group?: string;
  /** Root component -> exact version. */
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  readonly configuration: Readonly<Record<string, { readonly merge?: JsonObject; readonly reset?: readonly string[] }>>;
  readonly runWith: Readonly<Record<string, DocumentRunWith>>;
  readonly recipeFolder?: string;
  readonly artifactFolder?: string;
  readonly failureHandlingPolicy: FailureHandlingPolicy;
}

/**
 * Checks what a shape cannot say.
 *
 * @throws Fault `InvalidArgumentsError`, naming the member.
 */
export function readLocalRequest(request: CreateLocalDeploymentRequest): LocalRequest {
  const { groupName, recipeDirectoryPath, artifactsDirectoryPath } = request;
  if (groupName?.includes(':')) throw invalid('Thing group name cannot contain colon characters');
  if (groupName !== undefined && groupName !== '' && !/^[A-Za-z0-9_-]{1,128}$/.test(groupName))
    throw invalid(`groupName: ${JSON.stringify(groupName)} is not the name of a thing group`);
  const add = mapOf('rootComponentVersionsToAdd', request.rootComponentVersionsToAdd, (version, at) => {
    if (!isVersion(version)) throw invalid(`${at}: ${JSON.stringify(version)} is not an exact version`);
    return version;
  });
  const remove = request.rootComponentsToRemove ?? [];
  for (const name of remove) checkName('rootComponentsToRemove', name);
  return {
    ...(groupName === undefined || groupName === '' ? {} : { group: groupName }),
    add,
    remove,
    configuration: mapOf('componentToConfiguration', request.componentToConfiguration, configurationUpdate),
    runWith: mapOf('componentToRunWithInfo', request.componentToRunWithInfo, runWithOf),
    ...(recipeDirectoryPath === undefined ? {} : { recipeFolder: recipeDirectoryPath }),
    ...(artifactsDirectoryPath === undefined ? {} : { artifactFolder: artifactsDirectoryPath }),
    failureHandlingPolicy: request.failureHandlingPolicy ?? 'DO_NOTHING',
  };
}

/** As JSON for the journal, and back. */
export function requestToJson(request: LocalRequest): Json {
  return JSON.parse(JSON.stringify(request));
}

/** What `requestToJson` wrote: it was checked before it was written. */
export function requestFromJson(json: Json): LocalRequest {
  if (!isJsonObject(json))
    throw new Fault('DEPLOYMENT_DOCUMENT_PARSE_ERROR', 'the request of a local deployment is lost');
  const request: unknown = json;
  return request as LocalRequest;
}

function mapOf<T, R>(
  member: string,
  map: Readonly<Record<string, T>> | undefined,
  read: (value: T, at: string) => R,
): Record<string, R> {
  const entries = Object.entries(map ?? {}).map(([name, value]) => {
    checkName(member, name);
    return [name, read(value, `${member}.${name}`)] as const;
  });
  return Object.fromEntries(entries);
}

function checkName(member: string, name: string): void {
  // `__proto__` would not survive as a key of the journal.
  if (/^[a-zA-Z0-9-_.]{1,128}$/.test(name) && name !== '__proto__') return;
  throw invalid(`${member}: ${JSON.stringify(name)} is not a component name`);
}

function configurationUpdate(value: unknown, at: string): { merge?: JsonObject; reset?: string[] } {
  // nucleus lite takes the update as text, and its command line sends it so.
  const update = typeof value === 'string' ? parsed(value, at) : value;
  if (!isJsonObject(update)) throw invalid(`${at}: must be an object with MERGE, RESET or both`);
  const { MERGE: merge, RESET: reset, ...others } = update;
  const [other] = Object.keys(others);
  if (other !== undefined) throw invalid(`${at}.${other}: is not known; MERGE and RESET are, in capital letters`);
  if (merge !== undefined && merge !== null && !isJsonObject(merge)) throw invalid(`${at}.MERGE: must be an object`);
  if (reset !== undefined && reset !== null && !isTextList(reset))
    throw invalid(`${at}.RESET: must be a list of JSON pointers`);
  for (const pointer of reset ?? []) {
    if (pointer !== '' && !pointer.startsWith('/'))
      throw invalid(`${at}.RESET: ${JSON.stringify(pointer)} does not begin with "/"`);
  }
  return { ...(merge ? { merge } : {}), ...(reset ? { reset } : {}) };
}

function parsed(text: string, at: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(`${at}: is not JSON`);
  }
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function runWithOf({ posixUser, windowsUser, systemResourceLimits }: RunWithInfo): DocumentRunWith {
  return {
    ...(posixUser ? { posixUser } : {}),
    ...(windowsUser ? { windowsUser } : {}),
    ...(systemResourceLimits
      ? { systemResourceLimits: { memory: systemResourceLimits.memory ?? 0, cpus: systemResourceLimits.cpus ?? 0 } }
      : {}),
  };
}

function invalid(message: string): Fault {
  return new Fault('InvalidArgumentsError', message);
}
