import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, isRetryable } from '@greensward/kit';
import type { Operation } from '@greensward/protocol/service';
import { signRequest } from '@greensward/protocol/sigv4';
import {
  buildRequest,
  type IncomingResponse,
  type OutgoingRequest,
  parseError,
  parseOutput,
} from '@greensward/protocol/walker';
import type { DeviceEndpoints } from '../provision/config-yaml.ts';
import { type Profile, readProfile } from './profile.ts';
import { open, readAll, send } from './send.ts';
import { sentEvents } from './server-sent-events.ts';

/** How far a rollout is, as our own API tells it. */
export interface DeploymentProgress {
  readonly deploymentId: string;
  readonly status: string;
  readonly statusReason?: string;
  readonly settled: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly executions: readonly { readonly thing: string; readonly status: string; readonly reason?: string }[];
}

/** How far a rollout is, without its things. */
export type RolloutState = Pick<DeploymentProgress, 'status' | 'statusReason' | 'settled' | 'counts'>;

/** What happens to a deployment: a change of a status, or how far it is now. */
export type Followed =
  | {
      readonly kind: 'transition';
      readonly subject: string;
      readonly thing?: string;
      readonly to: string;
      readonly reason?: string;
    }
  | ({ readonly kind: 'rollout' } & RolloutState);

/** The cloud, over its APIs, with the rights of its own profile. */
export interface CloudClient {
  /** One AWS operation. An error answer is thrown as a Fault with the AWS exception name as code. */
  call<I, O>(operation: Operation<I, O>, input: I): Promise<O>;
  createBucket(bucket: string): Promise<void>;
  putObject(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  /** With every execution, however many pages that takes. */
  progress(deploymentId: string): Promise<DeploymentProgress>;
  /** Those that failed get it again: the things named, or all. How many that are. */
  retry(deploymentId: string, things?: readonly string[]): Promise<{ readonly things: number }>;
  /**
   * All that happened to a deployment and all that happens, each once; it does not end by itself. A connection that breaks
   * is made anew and goes on where it was.
   */
  follow(deploymentId: string): AsyncIterable<Followed>;
  deviceEndpoints(): Promise<{ readonly endpoints: DeviceEndpoints; readonly rootCaPem: string }>;
}

type ProgressPage = DeploymentProgress & { readonly nextToken?: string };

/** SigV4 service names, where they differ from the name of the SDK's client. */
const signingNames: ReadonlyMap<string, string> = new Map([
  ['greengrassv2', 'greengrass'],
  ['iot-data', 'iotdata'],
]);

/** A client for the cloud whose data folder this is. */
export async function openClient(dataFolder: string): Promise<CloudClient> {
  return createClient(await readProfile(dataFolder));
}

function createClient(profile: Profile): CloudClient {
  const signed = (service: string, request: OutgoingRequest): OutgoingRequest => {
    const unsigned = { ...request, headers: { ...request.headers, host: profile.endpoint.host } };
    const headers = signRequest(unsigned, {
      credentials: { accessKeyId: profile.accessKeyId, secretAccessKey: profile.secretAccessKey },
      region: profile.region,
      service,
      now: Date.now(),
    });
    return { ...request, headers };
  };
  const signedSend = (service: string, request: OutgoingRequest): Promise<IncomingResponse> =>
    send(profile.endpoint, signed(service, request), profile.caPem);
  const stream = async (path: string, lastEventId: string | undefined): Promise<IncomingMessage> => {
    const headers = {
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    const request = signed('greensward', { ...plain('GET', path), headers });
    const response = await open(profile.endpoint, request, profile.caPem);
    if (response.statusCode === 200) return response;
    throw parseError(await readAll(profile.endpoint, response));
  };
  const own = async <T>(path: string, query = ''): Promise<T> => ask({ ...plain('GET', path), query });
  const ask = async <T>(request: OutgoingRequest): Promise<T> => {
    const response = await signedSend('greensward', request);
    if (response.status >= 300) throw parseError(response);
    return JSON.parse(Buffer.from(response.body).toString('utf8'));
  };
  return {
    async call(operation, input) {
      const service = signingNames.get(operation.service) ?? operation.service;
      const response = await signedSend(service, buildRequest(operation, input));
      if (response.status >= 300) throw parseError(response);
      return parseOutput(operation, response);
    },
    async createBucket(bucket) {
      const response = await signedSend('s3', plain('PUT', `/${bucket}`));
      if (response.status >= 300 && response.status !== 409) throw s3Fault(response, `creating the bucket ${bucket}`);
    },
    async putObject(bucket, key, bytes) {
      const path = `/${[bucket, ...key.split('/')].map(encodeURIComponent).join('/')}`;
      const response = await signedSend('s3', { ...plain('PUT', path), body: bytes });
      if (response.status >= 300) throw s3Fault(response, `uploading s3://${bucket}/${key}`);
    },
    async progress(deploymentId) {
      const path = `/greensward/v1/deployments/${encodeURIComponent(deploymentId)}/progress`;
      const first = await own<ProgressPage>(path);
      const executions = [...first.executions];
      for (let token = first.nextToken; token !== undefined; ) {
        const page = await own<ProgressPage>(path, `nextToken=${encodeURIComponent(token)}`);
        executions.push(...page.executions);
        token = page.nextToken;
      }
      return { ...first, executions };
    },
    retry(deploymentId, things) {
      const path = `/greensward/v1/deployments/${encodeURIComponent(deploymentId)}/retry`;
      return ask({ ...plain('POST', path), body: Buffer.from(JSON.stringify({ things }), 'utf8') });
    },
    follow: (deploymentId) =>
      followed((lastEventId) =>
        stream(`/greensward/v1/deployments/${encodeURIComponent(deploymentId)}/events`, lastEventId),
      ),
    deviceEndpoints: () => own('/greensward/v1/device-endpoints'),
  };
}

/** How often a stream is opened anew in a row, and how long to wait between: a cloud that is updated is back within that. */
const maxFailures = 120;
const reopenMs = 500;

async function* followed(
  open: (lastEventId: string | undefined) => Promise<IncomingMessage>,
): AsyncGenerator<Followed> {
  let lastEventId: string | undefined;
  for (let failures = 0; ; await sleep(reopenMs)) {
    let response: IncomingMessage | undefined;
    try {
      response = await open(lastEventId);
      for await (const { id, event, data } of sentEvents(response)) {
        failures = 0;
        lastEventId = id ?? lastEventId;
        if (event === 'transition' || event === 'rollout') yield { ...JSON.parse(data), kind: event };
      }
    } catch (error) {
      // What comes after the head of an answer is a broken connection, whatever Node calls it.
      failures += 1;
      if ((response === undefined && !isRetryable(error)) || failures >= maxFailures) throw error;
    } finally {
      response?.destroy();
    }
  }
}

function plain(method: string, path: string): OutgoingRequest {
  return { method, path, query: '', headers: {}, body: new Uint8Array() };
}

/** S3 answers XML; its code and message are all that matters here. */
function s3Fault(response: IncomingResponse, doing: string): Fault {
  const text = Buffer.from(response.body).toString('utf8');
  const [, code = `HTTP ${response.status}`] = text.match(/<Code>([^<]*)<\/Code>/) ?? [];
  const [, message = ''] = text.match(/<Message>([^<]*)<\/Message>/) ?? [];
  return new Fault(code, `${doing}: ${code} ${message}`.trim());
}
