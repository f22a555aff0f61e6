import type { Operation } from '@greensward/protocol/walker';

// The part of our own API that tells what happened. Times are epoch ms here, epoch seconds on the wire.

interface EventsRequest {
  /** Only events after this number. */
  readonly after?: number | undefined;
  readonly maxResults?: number | undefined;
}

interface EventList {
  /** Oldest first; the `sequence` of the last one is the `after` of the next request. */
  readonly events: readonly EventOnWire[];
  readonly more: boolean;
}

interface EventOnWire {
  readonly sequence: number;
  readonly at: number;
  readonly subject: string;
  readonly deploymentId: string;
  readonly jobId: string;
  readonly thing?: string | undefined;
  readonly executionNumber?: number | undefined;
  readonly from?: string | undefined;
  readonly to: string;
  readonly reason?: string | undefined;
}

interface Rollout {
  readonly deploymentId: string;
  readonly jobId: string;
  readonly targetArn: string;
  readonly status: string;
  readonly statusReason?: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  readonly settled: boolean;
}

interface FailureOnWire {
  readonly status: string;
  readonly errorCode?: string | undefined;
  readonly cause?: string | undefined;
  readonly devices: number;
  readonly exampleThings: readonly string[];
}

interface AuditEntry {
  readonly at: number;
  readonly accessKeyId: string;
  readonly operation: string;
  readonly target: string;
  readonly requestId: string;
}

interface AuditRequest {
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
}

export interface HistoryOperations {
  readonly GetRollout: Operation<{ readonly deploymentId: string }, Rollout>;
  readonly ListDeploymentEvents: Operation<EventsRequest & { readonly deploymentId: string }, EventList>;
  readonly ListDeviceEvents: Operation<EventsRequest & { readonly thing: string }, EventList>;
  readonly ListEvents: Operation<EventsRequest, EventList>;
  readonly ListFailures: Operation<{ readonly deploymentId: string }, { readonly failures: readonly FailureOnWire[] }>;
  readonly ListAudit: Operation<
    AuditRequest,
    { readonly entries: readonly AuditEntry[]; readonly nextToken?: string | undefined }
  >;
}

const get = (uri: string, input: string | undefined, output: string) => ({
  method: 'GET',
  uri: `/greensward/v1/${uri}`,
  status: 200,
  ...(input === undefined ? {} : { input }),
  output,
  errors: [],
});

export const historyOperations = {
  GetRollout: get('deployments/{deploymentId}', 'DeploymentName', 'Rollout'),
  ListDeploymentEvents: get('deployments/{deploymentId}/events', 'DeploymentEventsRequest', 'EventList'),
  ListDeviceEvents: get('devices/{thing}/events', 'DeviceEventsRequest', 'EventList'),
  ListEvents: get('events', 'EventsRequest', 'EventList'),
  ListFailures: get('deployments/{deploymentId}/failures', 'DeploymentName', 'FailureList'),
  ListAudit: get('audit', 'AuditRequest', 'AuditList'),
};

const eventsRequest = {
  after: { type: 'number', in: 'query' },
  maxResults: { type: 'number', in: 'query' },
} as const;

export const historyStructures = {
  DeploymentName: { deploymentId: { type: 'string', required: true, in: 'label' } },
  EventsRequest: eventsRequest,
  DeploymentEventsRequest: { deploymentId: { type: 'string', required: true, in: 'label' }, ...eventsRequest },
  DeviceEventsRequest: { thing: { type: 'string', required: true, in: 'label' }, ...eventsRequest },
  EventList: { events: { type: '[Event]' }, more: { type: 'boolean' } },
  Event: {
    sequence: { type: 'number' },
    at: { type: 'timestamp' },
    subject: { type: 'string' },
    deploymentId: { type: 'string' },
    jobId: { type: 'string' },
    thing: { type: 'string' },
    executionNumber: { type: 'number' },
    from: { type: 'string' },
    to: { type: 'string' },
    reason: { type: 'string' },
  },
  Rollout: {
    deploymentId: { type: 'string' },
    jobId: { type: 'string' },
    targetArn: { type: 'string' },
    status: { type: 'string' },
    statusReason: { type: 'string' },
    counts: { type: '{number}' },
    settled: { type: 'boolean' },
  },
  FailureList: { failures: { type: '[Failure]' } },
  Failure: {
    status: { type: 'string' },
    errorCode: { type: 'string' },
    cause: { type: 'string' },
    devices: { type: 'number' },
    exampleThings: { type: '[string]' },
  },
  AuditRequest: { maxResults: { type: 'number', in: 'query' }, nextToken: { type: 'string', in: 'query' } },
  AuditList: { entries: { type: '[AuditEntry]' }, nextToken: { type: 'string' } },
  AuditEntry: {
    at: { type: 'timestamp' },
    accessKeyId: { type: 'string' },
    operation: { type: 'string' },
    target: { type: 'string' },
    requestId: { type: 'string' },
  },
} as const;

export const historyRoutes = Object.fromEntries(
  Object.entries(historyOperations).map(([name, { method, uri }]) => [name, [method, uri] as const]),
);
