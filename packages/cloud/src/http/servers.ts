import { type Clock, Fault, type Ids, type Log, type Timers } from '@greensward/kit';
import { iotData } from '@greensward/protocol/iot-data';
import { iotJobsData } from '@greensward/protocol/iot-jobs-data';
import { signedService } from '@greensward/protocol/sigv4';
import type { App } from '../app/app.ts';
import type { Account } from '../app/context.ts';
import type { AuditTrail } from '../ports/history.ts';
import { createAuthenticator } from './authenticate.ts';
import { dataPlaneServices } from './data-plane/data-plane.ts';
import { type Arrival, type Endpoints, headerOf, type ServiceRoutes } from './exchange.ts';
import { greengrassService } from './greengrassv2/greengrassv2.ts';
import { createEventStreams, type EventStreams } from './greensward/event-streams.ts';
import { greenswardService, healthService } from './greensward/greensward.ts';
import { iotService } from './iot/iot.ts';
import { iotDataRoutes } from './iot-data/iot-data.ts';
import { iotJobsDataRoutes } from './iot-jobs-data/iot-jobs-data.ts';
import { createListener, type HttpListener, type TlsCertificate } from './listener.ts';
import { serve } from './pipeline.ts';
import { s3Service } from './s3/s3.ts';
import { stsService } from './sts/sts.ts';
import { restJsonService } from './wire/rest-json.ts';

/** What both HTTP servers are made of. */
export interface ServerDeps {
  readonly app: App;
  readonly account: Account;
  readonly endpoints: Endpoints;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly timers: Timers;
  readonly log: Log;
}

const healthPath = '/greensward/v1/health';

/** The AWS APIs and our own, told apart by the service of the SigV4 credential scope. Plain HTTP without `tls`. */
export function createApiServer(
  deps: ServerDeps & { readonly version: string },
  tls: TlsCertificate | undefined,
): HttpListener {
  const streams = createEventStreams({ history: deps.app.history, timers: deps.timers, log: deps.log });
  const services = servicesByScope(streams);
  const health = healthService(deps.version, deps.clock.now());
  const service = ({ method, path, query, headers }: Arrival): ServiceRoutes => {
    if (path === healthPath && method === 'GET') return health;
    const scope = signedService(headerOf(headers, 'authorization'), query);
    if (scope === undefined) throw unsigned(headerOf(headers, 'authorization'));
    const found = services.get(scope);
    if (found !== undefined) return found;
    const served = [...services.keys()].join(', ');
    throw new Fault('UnknownOperationException', `The service ${scope} is not served by Greensward, but ${served}`);
  };
  const edge = { ...deps, authenticate: createAuthenticator(deps.app.access), service };
  const listener = createListener((arrival) => serve(edge, arrival), deps, tls);
  return {
    ...listener,
    close() {
      // They would never end by themselves.
      streams.close();
      return listener.close();
    },
  };
}

/** What devices call: with a client certificate, but for pre-signed downloads. */
export function createDeviceServer(deps: ServerDeps, tls: TlsCertificate): HttpListener {
  const edge = { ...deps, authenticate: createAuthenticator(deps.app.access), service: dataPlaneServices() };
  return createListener((arrival) => serve(edge, arrival), deps, { ...tls, clientCertificates: true });
}

/** Current and older names of each service in credential scopes. */
function servicesByScope(streams: EventStreams): ReadonlyMap<string, ServiceRoutes> {
  const iot = iotService();
  const data = restJsonService(iotData, iotDataRoutes('signed'));
  const jobsData = restJsonService(iotJobsData, iotJobsDataRoutes('signed'));
  return new Map([
    ['greengrass', greengrassService()],
    ['iot', iot],
    ['execute-api', iot],
    ['iotdata', data],
    ['iotdevicegateway', data],
    ['iot-jobs-data', jobsData],
    ['iotjobsdata', jobsData],
    ['s3', s3Service()],
    ['sts', stsService()],
    ['greensward', greenswardService(streams)],
  ]);
}

function unsigned(authorization: string | undefined): Fault {
  return authorization === undefined
    ? new Fault(
        'MissingAuthenticationTokenException',
        'Missing Authentication Token: requests to this port are signed (AWS Signature Version 4), as the AWS CLI and the AWS SDKs do.',
      )
    : new Fault(
        'IncompleteSignatureException',
        'The Authorization header has no AWS4-HMAC-SHA256 Credential of the form KEY/DATE/REGION/SERVICE/aws4_request.',
      );
}
