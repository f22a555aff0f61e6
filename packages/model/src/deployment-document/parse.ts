import { Fault, isJsonObject, type JsonObject } from '@greensward/kit';
import { isShallow, setOwn } from '../json-tools.ts';
import { isVersion } from '../version/version.ts';
import {
  type DeploymentDocument,
  type DocumentComponent,
  type DocumentRunWith,
  FAILURE_HANDLING,
  resourceOfConfiguration,
  resourceOfGroup,
  SCHEMA_DATE,
  UPDATE_ACTIONS,
} from './document.ts';

/**
 * Reads the document of a cloud deployment, from our cloud or another: defaults filled in, doubles (`60.0`) accepted for whole numbers,
 * unknown fields ignored, null read as absent. Fault DEPLOYMENT_DOCUMENT_PARSE_ERROR names the field, also in `context.field`.
 */
export function parseDocument(json: unknown): DeploymentDocument {
  if (!isJsonObject(json)) throw bad('document', 'is not an object');
  if (!isShallow(json)) throw bad('document', 'is nested deeper than 100 levels');
  const schemaDate = text(json, 'schemaDate', '');
  if (schemaDate !== undefined && schemaDate !== SCHEMA_DATE)
    throw bad('schemaDate', `${schemaDate} is not ${SCHEMA_DATE}`);
  const configurationArn = required(text(json, 'configurationArn', ''), 'configurationArn');
  if (resourceOfConfiguration(configurationArn) === undefined) {
    throw bad('configurationArn', `${configurationArn} is not the ARN of a thing's or thing group's configuration`);
  }
  const deploymentName = text(json, 'deploymentName', '');
  const parentTargetArn = groupArn(json, 'parentTargetArn');
  const onBehalfOf = groupArn(json, 'onBehalfOf');
  const update = object(json, 'componentUpdatePolicy', '') ?? {};
  const validation = object(json, 'configurationValidationPolicy', '') ?? {};
  return {
    schemaDate: SCHEMA_DATE,
    deploymentId: required(text(json, 'deploymentId', ''), 'deploymentId'),
    ...(deploymentName === undefined ? {} : { deploymentName }),
    configurationArn,
    ...(parentTargetArn === undefined ? {} : { parentTargetArn }),
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    creationTimestamp: required(wholeNumber(json, 'creationTimestamp', ''), 'creationTimestamp'),
    components: components(object(json, 'components', '') ?? {}),
    failureHandlingPolicy: oneOf(json, 'failureHandlingPolicy', '', FAILURE_HANDLING) ?? 'ROLLBACK',
    requiredCapabilities: textList(json, 'requiredCapabilities', '') ?? [],
    componentUpdatePolicy: {
      timeout: wholeNumber(update, 'timeout', 'componentUpdatePolicy.') ?? 60,
      action: oneOf(update, 'action', 'componentUpdatePolicy.', UPDATE_ACTIONS) ?? 'NOTIFY_COMPONENTS',
    },
    configurationValidationPolicy: {
      timeout: wholeNumber(validation, 'timeout', 'configurationValidationPolicy.') ?? 60,
    },
  };
}

/** The group under which a device books the deployment's root components: `thinggroup/{name}`, `thing/{name}` or `LOCAL_DEPLOYMENT`. */
export function groupOf(document: DeploymentDocument): string {
  if (document.local !== undefined) return document.local.group;
  const group = document.onBehalfOf === undefined ? undefined : resourceOfGroup(document.onBehalfOf);
  const resource = group ?? resourceOfConfiguration(document.configurationArn);
  if (resource === undefined) throw bad('configurationArn', `${document.configurationArn} names no target`);
  return resource;
}

function components(map: JsonObject): Record<string, DocumentComponent> {
  const result: Record<string, DocumentComponent> = {};
  for (const name of Object.keys(map)) {
    const at = `components.${name}.`;
    if (!/^[a-zA-Z0-9-_.]{1,128}$/.test(name)) throw bad(`components.${name}`, 'is not a component name');
    const component = required(object(map, name, 'components.'), `components.${name}`);
    const version = required(text(component, 'version', at), `${at}version`);
    if (!isVersion(version)) throw bad(`${at}version`, `${JSON.stringify(version)} is not an exact version`);
    const update = object(component, 'configurationUpdate', at);
    const runWith = object(component, 'runWith', at);
    setOwn(result, name, {
      version,
      ...(update === undefined
        ? {}
        : { configurationUpdate: configurationUpdate(update, `${at}configurationUpdate.`) }),
      ...(runWith === undefined ? {} : { runWith: parseRunWith(runWith, `${at}runWith.`) }),
    });
  }
  return result;
}

function configurationUpdate(update: JsonObject, at: string): { merge?: JsonObject; reset?: string[] } {
  const merge = object(update, 'merge', at);
  const reset = textList(update, 'reset', at);
  return { ...(merge === undefined ? {} : { merge }), ...(reset === undefined ? {} : { reset }) };
}

function parseRunWith(runWith: JsonObject, at: string): DocumentRunWith {
  const posixUser = text(runWith, 'posixUser', at);
  const windowsUser = text(runWith, 'windowsUser', at);
  const limits = object(runWith, 'systemResourceLimits', at);
  return {
    ...(posixUser === undefined ? {} : { posixUser }),
    ...(windowsUser === undefined ? {} : { windowsUser }),
    ...(limits === undefined
      ? {}
      : {
          systemResourceLimits: {
            memory: wholeNumber(limits, 'memory', `${at}systemResourceLimits.`) ?? 0,
            cpus: number(limits, 'cpus', `${at}systemResourceLimits.`) ?? 0,
          },
        }),
  };
}

function member(of: JsonObject, key: string): JsonObject[string] {
  const value = Object.hasOwn(of, key) ? of[key] : undefined;
  return value === null ? undefined : value;
}

function text(of: JsonObject, key: string, at: string): string | undefined {
  const value = member(of, key);
  if (value === undefined || typeof value === 'string') return value;
  throw bad(`${at}${key}`, 'is not text');
}

function object(of: JsonObject, key: string, at: string): JsonObject | undefined {
  const value = member(of, key);
  if (value === undefined || isJsonObject(value)) return value;
  throw bad(`${at}${key}`, 'is not an object');
}

function textList(of: JsonObject, key: string, at: string): string[] | undefined {
  const value = member(of, key);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw bad(`${at}${key}`, 'is not a list');
  return value.map((element) => {
    if (typeof element !== 'string') throw bad(`${at}${key}`, 'has an element that is not text');
    return element;
  });
}

function number(of: JsonObject, key: string, at: string): number | undefined {
  const value = member(of, key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw bad(`${at}${key}`, 'is not a number of 0 or more');
  return value;
}

function wholeNumber(of: JsonObject, key: string, at: string): number | undefined {
  const value = number(of, key, at);
  if (value !== undefined && !Number.isInteger(value)) throw bad(`${at}${key}`, 'is not a whole number');
  return value;
}

function oneOf<T extends string>(of: JsonObject, key: string, at: string, values: readonly T[]): T | undefined {
  const value = text(of, key, at);
  if (value === undefined) return undefined;
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw bad(`${at}${key}`, `${JSON.stringify(value)} is not one of ${values.join(', ')}`);
  return found;
}

function groupArn(of: JsonObject, key: string): string | undefined {
  const arn = text(of, key, '');
  if (arn !== undefined && resourceOfGroup(arn) === undefined) throw bad(key, `${arn} is not the ARN of a thing group`);
  return arn;
}

function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw bad(field, 'is missing');
  return value;
}

function bad(field: string, message: string): Fault {
  return new Fault('DEPLOYMENT_DOCUMENT_PARSE_ERROR', `${field}: ${message}`, { context: { field } });
}
