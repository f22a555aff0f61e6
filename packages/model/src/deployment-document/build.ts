import { Fault, isJsonObject, type JsonObject } from '@greensward/kit';
import { isShallow, setOwn } from '../json-tools.ts';
import { isVersion } from '../version/version.ts';
import {
  type ComponentUpdateAction,
  type DeploymentDocument,
  type DocumentComponent,
  type DocumentRunWith,
  FAILURE_HANDLING,
  type FailureHandlingPolicy,
  resourceOfConfiguration,
  resourceOfGroup,
  SCHEMA_DATE,
  UPDATE_ACTIONS,
} from './document.ts';

/** `components.{name}` of a CreateDeployment request. */
export interface ComponentSpecification {
  readonly componentVersion?: string | undefined;
  readonly configurationUpdate?:
    | { readonly merge?: string | undefined; readonly reset?: readonly string[] | undefined }
    | undefined;
  readonly runWith?:
    | {
        readonly posixUser?: string | undefined;
        readonly windowsUser?: string | undefined;
        readonly systemResourceLimits?:
          | { readonly memory?: number | undefined; readonly cpus?: number | undefined }
          | undefined;
      }
    | undefined;
}

/** `deploymentPolicies` of a CreateDeployment request: every member may be left out. */
export interface PoliciesInput {
  readonly failureHandlingPolicy?: string | undefined;
  readonly componentUpdatePolicy?:
    | { readonly timeoutInSeconds?: number | undefined; readonly action?: string | undefined }
    | undefined;
  readonly configurationValidationPolicy?: { readonly timeoutInSeconds?: number | undefined } | undefined;
}

/** `deploymentPolicies` as GetDeployment returns it: complete. */
export interface DeploymentPolicies {
  readonly failureHandlingPolicy: FailureHandlingPolicy;
  readonly componentUpdatePolicy: { readonly timeoutInSeconds: number; readonly action: ComponentUpdateAction };
  readonly configurationValidationPolicy: { readonly timeoutInSeconds: number };
}

export interface DocumentInput {
  readonly deploymentId: string;
  readonly deploymentName?: string | undefined;
  readonly configurationArn: string;
  readonly parentTargetArn?: string | undefined;
  /** The root of a chain of sub-deployments; the parent when left out. */
  readonly onBehalfOf?: string | undefined;
  /** Epoch milliseconds. */
  readonly creationTimestamp: number;
  readonly components?: Readonly<Record<string, ComponentSpecification>> | undefined;
  readonly deploymentPolicies?: PoliciesInput | undefined;
}

/** The policies with the documented defaults for what is left out: ROLLBACK; NOTIFY_COMPONENTS within 60 s; 30 s. */
export function completePolicies(policies: PoliciesInput | undefined): DeploymentPolicies {
  const update = policies?.componentUpdatePolicy;
  const validation = policies?.configurationValidationPolicy;
  const field = 'deploymentPolicies';
  return {
    failureHandlingPolicy: oneOf(
      FAILURE_HANDLING,
      policies?.failureHandlingPolicy ?? 'ROLLBACK',
      `${field}.failureHandlingPolicy`,
    ),
    componentUpdatePolicy: {
      timeoutInSeconds: seconds(update?.timeoutInSeconds ?? 60, `${field}.componentUpdatePolicy.timeoutInSeconds`),
      action: oneOf(UPDATE_ACTIONS, update?.action ?? 'NOTIFY_COMPONENTS', `${field}.componentUpdatePolicy.action`),
    },
    configurationValidationPolicy: {
      timeoutInSeconds: seconds(
        validation?.timeoutInSeconds ?? 30,
        `${field}.configurationValidationPolicy.timeoutInSeconds`,
      ),
    },
  };
}

/**
 * The document that devices receive. It holds no null and nothing a device cannot parse: a device of another make that cannot parse its
 * document reports nothing and stays stuck on it, so whatever is wrong is refused here, as Fault ValidationException with the request
 * field in the message and in `context.field`.
 */
export function buildDocument(input: DocumentInput): DeploymentDocument {
  if (input.deploymentId === '') throw invalid('deploymentId', 'is empty');
  if (resourceOfConfiguration(input.configurationArn) === undefined) {
    throw invalid(
      'targetArn',
      `makes no valid configuration ARN (${input.configurationArn}); a group name must not contain ":"`,
    );
  }
  if (!Number.isSafeInteger(input.creationTimestamp) || input.creationTimestamp <= 0) {
    throw invalid('creationTimestamp', 'is not a time in epoch milliseconds');
  }
  const onBehalfOf = input.onBehalfOf ?? input.parentTargetArn;
  for (const [field, arn] of [
    ['parentTargetArn', input.parentTargetArn],
    ['onBehalfOf', onBehalfOf],
  ] as const) {
    if (arn !== undefined && resourceOfGroup(arn) === undefined)
      throw invalid(field, `${arn} is not the ARN of a thing group`);
  }
  const policies = completePolicies(input.deploymentPolicies);
  const components: Record<string, DocumentComponent> = {};
  for (const [name, specification] of Object.entries(input.components ?? {})) {
    setOwn(components, name, buildComponent(name, specification));
  }
  const hasLimits = Object.values(components).some(({ runWith }) => runWith?.systemResourceLimits !== undefined);
  return {
    schemaDate: SCHEMA_DATE,
    deploymentId: input.deploymentId,
    ...(input.deploymentName === undefined ? {} : { deploymentName: input.deploymentName }),
    configurationArn: input.configurationArn,
    ...(input.parentTargetArn === undefined ? {} : { parentTargetArn: input.parentTargetArn }),
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    creationTimestamp: input.creationTimestamp,
    components,
    failureHandlingPolicy: policies.failureHandlingPolicy,
    // Never LARGE_CONFIGURATION: the whole document is sent inline.
    requiredCapabilities: [
      ...(hasLimits ? ['LINUX_RESOURCE_LIMITS'] : []),
      ...(onBehalfOf === undefined ? [] : ['SUB_DEPLOYMENTS']),
    ],
    componentUpdatePolicy: {
      timeout: policies.componentUpdatePolicy.timeoutInSeconds,
      action: policies.componentUpdatePolicy.action,
    },
    configurationValidationPolicy: { timeout: policies.configurationValidationPolicy.timeoutInSeconds },
  };
}

function buildComponent(name: string, specification: ComponentSpecification): DocumentComponent {
  const field = `components.${name}`;
  if (!/^[a-zA-Z0-9-_.]{1,128}$/.test(name)) throw invalid(field, 'is not a component name');
  const { componentVersion = '', configurationUpdate, runWith } = specification;
  if (!isVersion(componentVersion)) {
    throw invalid(
      `${field}.componentVersion`,
      `${JSON.stringify(componentVersion)} is not an exact version (major.minor.patch)`,
    );
  }
  const merge = configurationUpdate?.merge;
  const reset = configurationUpdate?.reset;
  for (const pointer of reset ?? []) {
    if (pointer !== '' && !pointer.startsWith('/')) {
      throw invalid(`${field}.configurationUpdate.reset`, `${JSON.stringify(pointer)} is not a JSON pointer`);
    }
  }
  const update = {
    ...(merge === undefined ? {} : { merge: parseMerge(merge, `${field}.configurationUpdate.merge`) }),
    ...(reset === undefined ? {} : { reset: [...reset] }),
  };
  const builtRunWith = buildRunWith(runWith, `${field}.runWith`);
  return {
    version: componentVersion,
    ...(Object.keys(update).length === 0 ? {} : { configurationUpdate: update }),
    ...(Object.keys(builtRunWith).length === 0 ? {} : { runWith: builtRunWith }),
  };
}

function parseMerge(text: string, field: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(field, 'is not valid JSON', cause);
  }
  if (!isJsonObject(value)) throw invalid(field, 'is not a JSON object');
  if (!isShallow(value)) throw invalid(field, 'is nested deeper than 100 levels');
  return value;
}

function buildRunWith(runWith: ComponentSpecification['runWith'], field: string): DocumentRunWith {
  const { posixUser, windowsUser, systemResourceLimits: limits } = runWith ?? {};
  const { memory, cpus } = limits ?? {};
  if (memory !== undefined && !(Number.isInteger(memory) && memory >= 0)) {
    throw invalid(`${field}.systemResourceLimits.memory`, 'is not a whole number of kilobytes');
  }
  if (cpus !== undefined && !(Number.isFinite(cpus) && cpus >= 0)) {
    throw invalid(`${field}.systemResourceLimits.cpus`, 'is not a number of cores');
  }
  return {
    ...(posixUser === undefined || posixUser === '' ? {} : { posixUser }),
    ...(windowsUser === undefined || windowsUser === '' ? {} : { windowsUser }),
    // A device unboxes both: one alone would be a parse error there.
    ...(memory === undefined && cpus === undefined
      ? {}
      : { systemResourceLimits: { memory: memory ?? 0, cpus: cpus ?? 0 } }),
  };
}

function oneOf<T extends string>(values: readonly T[], value: string, field: string): T {
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw invalid(field, `${JSON.stringify(value)} is not one of ${values.join(', ')}`);
  return found;
}

/** A Java int: the device's document model has no larger one. */
function seconds(value: number, field: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 2_147_483_647)
    throw invalid(field, 'is not a whole number of seconds');
  return value;
}

function invalid(field: string, message: string, cause?: unknown): Fault {
  return new Fault('ValidationException', `${field}: ${message}`, { context: { field }, cause });
}
