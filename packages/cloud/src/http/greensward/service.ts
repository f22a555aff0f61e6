import { defineService, type Service } from '@greensward/protocol/service';
import type { Operation } from '@greensward/protocol/walker';
import { type HistoryOperations, historyOperations, historyRoutes, historyStructures } from './history-service.ts';

/** How far a rollout is. Counts are things by the status of their newest execution. */
interface DeploymentProgress {
  readonly deploymentId: string;
  readonly targetArn: string;
  readonly status: string;
  readonly statusReason?: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  /** True when no thing of the target is queued, in progress, or still without an execution. */
  readonly settled: boolean;
  readonly executions: readonly ExecutionProgress[];
  readonly nextToken?: string | undefined;
}

export interface ExecutionProgress {
  readonly thing: string;
  readonly status: string;
  /** Epoch ms here, epoch seconds on the wire; absent for the one thing of a thing deployment. */
  readonly lastUpdatedAt?: number | undefined;
  readonly reason?: string | undefined;
}

interface ProgressRequest {
  readonly deploymentId: string;
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
}

/** Everything that a device of this cloud has to be told. */
interface DeviceEndpoints {
  readonly endpoints: {
    readonly host: string;
    readonly mqttPort: number;
    readonly devicePort: number;
    readonly region: string;
  };
  readonly rootCaPem: string;
}

/** The last telemetry message of a device: `{Schema, ADP}`. */
interface DeviceTelemetry {
  readonly thing: string;
  /** Epoch ms here, epoch seconds on the wire. */
  readonly receivedAt: number;
  readonly telemetry: unknown;
}

/** Which things a deployment is to go to once more; without a list: all on which it has failed. */
interface RetryRequest {
  readonly deploymentId: string;
  readonly things?: readonly string[] | undefined;
}

interface RetryResponse {
  readonly deploymentId: string;
  /** How many things that are. */
  readonly things: number;
}

interface Operations extends HistoryOperations {
  readonly RetryDeployment: Operation<RetryRequest, RetryResponse>;
  readonly GetDeviceTelemetry: Operation<{ readonly thing: string }, DeviceTelemetry>;
  readonly GetDeploymentProgress: Operation<ProgressRequest, DeploymentProgress>;
  readonly GetDeviceEndpoints: Operation<object, DeviceEndpoints>;
}

const progressUri = '/greensward/v1/deployments/{deploymentId}/progress';
const retryUri = '/greensward/v1/deployments/{deploymentId}/retry';
const endpointsUri = '/greensward/v1/device-endpoints';
const telemetryUri = '/greensward/v1/devices/{thing}/telemetry';

/** What AWS has no call for, in the form of the generated tables. Signed for the service `greensward`. */
export const greensward: Service<Operations> = defineService<Operations>(
  {
    service: 'greensward',
    operations: {
      ...historyOperations,
      GetDeploymentProgress: {
        method: 'GET',
        uri: progressUri,
        status: 200,
        input: 'ProgressRequest',
        output: 'DeploymentProgress',
        errors: [],
      },
      RetryDeployment: {
        method: 'POST',
        uri: retryUri,
        status: 202,
        input: 'RetryRequest',
        output: 'RetryResponse',
        errors: [],
      },
      GetDeviceTelemetry: {
        method: 'GET',
        uri: telemetryUri,
        status: 200,
        input: 'TelemetryRequest',
        output: 'DeviceTelemetry',
        errors: [],
      },
      GetDeviceEndpoints: { method: 'GET', uri: endpointsUri, status: 200, output: 'DeviceEndpoints', errors: [] },
    },
    enums: {},
    structures: {
      ...historyStructures,
      ProgressRequest: {
        deploymentId: { type: 'string', required: true, in: 'label' },
        maxResults: { type: 'number', in: 'query' },
        nextToken: { type: 'string', in: 'query' },
      },
      DeploymentProgress: {
        deploymentId: { type: 'string' },
        targetArn: { type: 'string' },
        status: { type: 'string' },
        statusReason: { type: 'string' },
        counts: { type: '{number}' },
        settled: { type: 'boolean' },
        executions: { type: '[ExecutionProgress]' },
        nextToken: { type: 'string' },
      },
      ExecutionProgress: {
        thing: { type: 'string' },
        status: { type: 'string' },
        lastUpdatedAt: { type: 'timestamp' },
        reason: { type: 'string' },
      },
      RetryRequest: {
        deploymentId: { type: 'string', required: true, in: 'label' },
        things: { type: '[string]' },
      },
      RetryResponse: { deploymentId: { type: 'string' }, things: { type: 'number' } },
      TelemetryRequest: { thing: { type: 'string', required: true, in: 'label' } },
      DeviceTelemetry: {
        thing: { type: 'string' },
        receivedAt: { type: 'timestamp' },
        telemetry: { type: 'json' },
      },
      DeviceEndpoints: { endpoints: { type: 'json' }, rootCaPem: { type: 'string' } },
    },
    errors: {
      ConflictException: {
        status: 409,
        members: { resourceId: { type: 'string' }, resourceType: { type: 'string' } },
      },
      InternalServerException: { status: 500, members: {} },
      ResourceNotFoundException: {
        status: 404,
        members: { resourceId: { type: 'string' }, resourceType: { type: 'string' } },
      },
      ValidationException: { status: 400, members: { reason: { type: 'string' }, fields: { type: 'json' } } },
    },
    allOperations: {
      ...historyRoutes,
      GetDeploymentProgress: ['GET', progressUri],
      RetryDeployment: ['POST', retryUri],
      GetDeviceEndpoints: ['GET', endpointsUri],
      GetDeviceTelemetry: ['GET', telemetryUri],
    },
  },
  {
    '*.maxResults': { min: 1, max: 250 },
    '*.after': { min: 0, max: Number.MAX_SAFE_INTEGER },
    'RetryRequest.things': { min: 1, max: 250 },
  },
);
