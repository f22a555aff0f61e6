import type { JsonObject } from '@greensward/kit';
import { defineIpc, type IpcOperation, type IpcTable } from './ipc-operation.ts';

// What the command line on a device asks its runtime for: the operations of `aws.greengrass.Cli`.

export const LOCAL_DEPLOYMENT_STATUSES = ['QUEUED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'CANCELED'] as const;
export type LocalDeploymentStatus = (typeof LOCAL_DEPLOYMENT_STATUSES)[number];

/** States that the shape can say; a component in another one (UNINSTALLED) is not shown. */
export const SHOWN_STATES = [
  'RUNNING',
  'ERRORED',
  'NEW',
  'FINISHED',
  'INSTALLED',
  'BROKEN',
  'STARTING',
  'STOPPING',
] as const;
export type ShownState = (typeof SHOWN_STATES)[number];

export interface RunWithInfo {
  /** `user[:group]`. */
  readonly posixUser?: string | undefined;
  readonly windowsUser?: string | undefined;
  readonly systemResourceLimits?:
    | {
        /** Kilobytes. */
        readonly memory?: number | undefined;
        readonly cpus?: number | undefined;
      }
    | undefined;
}

export interface CreateLocalDeploymentRequest {
  readonly groupName?: string | undefined;
  readonly rootComponentVersionsToAdd?: Readonly<Record<string, string>> | undefined;
  readonly rootComponentsToRemove?: readonly string[] | undefined;
  /** By component: `MERGE` an object, `RESET` a list of JSON pointers. */
  readonly componentToConfiguration?: Readonly<Record<string, unknown>> | undefined;
  readonly componentToRunWithInfo?: Readonly<Record<string, RunWithInfo>> | undefined;
  readonly recipeDirectoryPath?: string | undefined;
  readonly artifactsDirectoryPath?: string | undefined;
  readonly failureHandlingPolicy?: 'ROLLBACK' | 'DO_NOTHING' | undefined;
}

export interface LocalDeployment {
  readonly deploymentId: string;
  readonly status: LocalDeploymentStatus;
  /** `dd-MM-yyyy HH:mm:ss UTC`. */
  readonly createdOn?: string | undefined;
  /** Of one that has ended, and only from GetLocalDeploymentStatus. */
  readonly deploymentStatusDetails?:
    | {
        readonly detailedDeploymentStatus: string;
        readonly deploymentErrorStack?: readonly string[] | undefined;
        readonly deploymentErrorTypes?: readonly string[] | undefined;
        readonly deploymentFailureCause?: string | undefined;
      }
    | undefined;
}

export interface ComponentDetails {
  readonly componentName: string;
  readonly version: string;
  readonly state: ShownState;
  readonly configuration?: JsonObject | undefined;
}

type RequestStatus = 'SUCCEEDED' | 'FAILED';
type Nothing = Readonly<Record<string, never>>;

interface CliOperations {
  readonly CreateLocalDeployment: IpcOperation<CreateLocalDeploymentRequest, { readonly deploymentId: string }>;
  readonly CancelLocalDeployment: IpcOperation<
    { readonly deploymentId?: string | undefined },
    { readonly message?: string | undefined }
  >;
  readonly GetLocalDeploymentStatus: IpcOperation<
    { readonly deploymentId: string },
    { readonly deployment: LocalDeployment }
  >;
  readonly ListLocalDeployments: IpcOperation<
    Nothing,
    { readonly localDeployments?: readonly LocalDeployment[] | undefined }
  >;
  readonly ListComponents: IpcOperation<Nothing, { readonly components?: readonly ComponentDetails[] | undefined }>;
  readonly GetComponentDetails: IpcOperation<
    { readonly componentName: string },
    { readonly componentDetails: ComponentDetails }
  >;
  readonly RestartComponent: IpcOperation<
    { readonly componentName: string },
    { readonly restartStatus: RequestStatus; readonly message?: string | undefined }
  >;
  readonly StopComponent: IpcOperation<
    { readonly componentName: string },
    { readonly stopStatus: RequestStatus; readonly message?: string | undefined }
  >;
}

const componentName = { componentName: { type: 'string', required: true } } as const;

const table: IpcTable = {
  operations: [
    'CreateLocalDeployment',
    'CancelLocalDeployment',
    'GetLocalDeploymentStatus',
    'ListLocalDeployments',
    'ListComponents',
    'GetComponentDetails',
    'RestartComponent',
    'StopComponent',
  ],
  enums: {
    DeploymentStatus: LOCAL_DEPLOYMENT_STATUSES,
    LifecycleState: SHOWN_STATES,
    FailureHandlingPolicy: ['ROLLBACK', 'DO_NOTHING'],
    RequestStatus: ['SUCCEEDED', 'FAILED'],
  },
  structures: {
    CreateLocalDeploymentRequest: {
      groupName: { type: 'string' },
      rootComponentVersionsToAdd: { type: '{string}' },
      rootComponentsToRemove: { type: '[string]' },
      componentToConfiguration: { type: '{json}' },
      componentToRunWithInfo: { type: '{RunWithInfo}' },
      recipeDirectoryPath: { type: 'string' },
      artifactsDirectoryPath: { type: 'string' },
      failureHandlingPolicy: { type: '@FailureHandlingPolicy' },
    },
    RunWithInfo: {
      posixUser: { type: 'string' },
      windowsUser: { type: 'string' },
      systemResourceLimits: { type: 'SystemResourceLimits' },
    },
    SystemResourceLimits: { memory: { type: 'number' }, cpus: { type: 'number' } },
    CreateLocalDeploymentResponse: { deploymentId: { type: 'string', required: true } },
    CancelLocalDeploymentRequest: { deploymentId: { type: 'string' } },
    CancelLocalDeploymentResponse: { message: { type: 'string' } },
    GetLocalDeploymentStatusRequest: { deploymentId: { type: 'string', required: true } },
    GetLocalDeploymentStatusResponse: { deployment: { type: 'LocalDeployment', required: true } },
    ListLocalDeploymentsRequest: {},
    ListLocalDeploymentsResponse: { localDeployments: { type: '[LocalDeployment]' } },
    LocalDeployment: {
      deploymentId: { type: 'string', required: true },
      status: { type: '@DeploymentStatus', required: true },
      createdOn: { type: 'string' },
      deploymentStatusDetails: { type: 'DeploymentStatusDetails' },
    },
    DeploymentStatusDetails: {
      detailedDeploymentStatus: { type: 'string', required: true },
      deploymentErrorStack: { type: '[string]' },
      deploymentErrorTypes: { type: '[string]' },
      deploymentFailureCause: { type: 'string' },
    },
    ListComponentsRequest: {},
    ListComponentsResponse: { components: { type: '[ComponentDetails]' } },
    ComponentDetails: {
      ...componentName,
      version: { type: 'string', required: true },
      state: { type: '@LifecycleState', required: true },
      configuration: { type: 'json' },
    },
    GetComponentDetailsRequest: componentName,
    GetComponentDetailsResponse: { componentDetails: { type: 'ComponentDetails', required: true } },
    RestartComponentRequest: componentName,
    RestartComponentResponse: {
      restartStatus: { type: '@RequestStatus', required: true },
      message: { type: 'string' },
    },
    StopComponentRequest: componentName,
    StopComponentResponse: { stopStatus: { type: '@RequestStatus', required: true }, message: { type: 'string' } },
  },
};

export const cliOperations: CliOperations = defineIpc<CliOperations>(table, {
  'CreateLocalDeploymentRequest.rootComponentVersionsToAdd': { max: 1000 },
  'CreateLocalDeploymentRequest.rootComponentsToRemove': { max: 1000 },
  'CreateLocalDeploymentRequest.componentToConfiguration': { max: 1000 },
  'CreateLocalDeploymentRequest.componentToRunWithInfo': { max: 1000 },
  'SystemResourceLimits.memory': { min: 0 },
  'SystemResourceLimits.cpus': { min: 0, decimals: 6 },
});
