import type { JsonObject } from '@greensward/kit';

export type FailureHandlingPolicy = 'ROLLBACK' | 'DO_NOTHING';
export type ComponentUpdateAction = 'NOTIFY_COMPONENTS' | 'SKIP_NOTIFY_COMPONENTS';

/** The root component of a deployment, as a device receives it. */
export interface DocumentComponent {
  /** An exact version. */
  readonly version: string;
  readonly configurationUpdate?: {
    readonly merge?: JsonObject;
    /** JSON pointers; `""` resets everything. */
    readonly reset?: readonly string[];
  };
  readonly runWith?: DocumentRunWith;
}

export interface DocumentRunWith {
  /** `user[:group]`. */
  readonly posixUser?: string;
  readonly windowsUser?: string;
  readonly systemResourceLimits?: {
    /** Kilobytes; 0: not limited. */
    readonly memory: number;
    /** CPU cores; 0: not limited. */
    readonly cpus: number;
  };
}

/** What only a deployment made on the device itself has. */
export interface LocalPart {
  /** The group that books the roots: `LOCAL_DEPLOYMENT`, or `thinggroup/{name}`. */
  readonly group: string;
  /** What is updated of components that are no roots of this group, by name. */
  readonly updates: Readonly<Record<string, Omit<DocumentComponent, 'version'>>>;
}

/** The deployment document: the job document of group deployments, `desired.fleetConfig` of thing deployments. */
export interface DeploymentDocument {
  readonly schemaDate: '2021-05-17';
  readonly deploymentId: string;
  readonly deploymentName?: string;
  /** `arn:aws:greengrass:{region}:{account}:configuration:thinggroup/{name}:{revision}`, or `thing/...`. */
  readonly configurationArn: string;
  /** Set for a local deployment; `configurationArn` is its id then. */
  readonly local?: LocalPart;
  readonly parentTargetArn?: string;
  /** Sub-deployments: the group under which the components are booked. */
  readonly onBehalfOf?: string;
  /** Epoch milliseconds: the time of the configuration merge, and what makes a deployment stale. */
  readonly creationTimestamp: number;
  readonly components: Readonly<Record<string, DocumentComponent>>;
  readonly failureHandlingPolicy: FailureHandlingPolicy;
  readonly requiredCapabilities: readonly string[];
  readonly componentUpdatePolicy: {
    /** Seconds. */
    readonly timeout: number;
    readonly action: ComponentUpdateAction;
  };
  readonly configurationValidationPolicy: {
    /** Seconds. */
    readonly timeout: number;
  };
}

export const SCHEMA_DATE = '2021-05-17';
export const FAILURE_HANDLING: readonly FailureHandlingPolicy[] = ['ROLLBACK', 'DO_NOTHING'];
export const UPDATE_ACTIONS: readonly ComponentUpdateAction[] = ['NOTIFY_COMPONENTS', 'SKIP_NOTIFY_COMPONENTS'];

const CONFIGURATION_ARN = /^arn:[^:]+:greengrass:[^:]*:[^:]*:configuration:(?:(thing\/.+)|(thinggroup\/[^:]+)):\d+$/;
const GROUP_ARN = /^arn:[^:]+:iot:[^:]*:[^:]*:(thinggroup\/[^:]+)$/;

/** `thing/{name}` or `thinggroup/{name}` of a configuration ARN, without the revision; undefined when it is not one. */
export function resourceOfConfiguration(arn: string): string | undefined {
  const match = CONFIGURATION_ARN.exec(arn);
  return match?.[1] ?? match?.[2];
}

/** `thinggroup/{name}` of a thing group ARN; undefined when it is not one. */
export function resourceOfGroup(arn: string): string | undefined {
  return GROUP_ARN.exec(arn)?.[1];
}
