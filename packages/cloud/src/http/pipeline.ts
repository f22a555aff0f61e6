import { type Clock, Fault, type Ids, type Log, messageChain, type Timers } from '@greensward/kit';
import type { App } from '../app/app.ts';
import type { Account } from '../app/context.ts';
import { actionOf, sessionMay } from '../domain/access/session-permissions.ts';
import type { AuditTrail } from '../ports/history.ts';
import { assumedRoleArn } from './arns.ts';
import { auditRecord } from './audit-record.ts';
import type { Authenticate } from './authenticate.ts';
import { readWhole } from './body.ts';
import {
  type Answer,
  type Arrival,
  type Call,
  type Caller,
  type Endpoints,
  type ErrorStyle,
  headerOf,
  type Route,
  type ServiceRoutes,
} from './exchange.ts';
import { restJsonErrors } from './wire/rest-json.ts';

/** One listener: what its requests are served from. */
export interface Edge {
  readonly app: App;
  readonly account: Account;
  readonly endpoints: Endpoints;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly timers: Timers;
  readonly log: Log;
  readonly authenticate: Authenticate;
  /** The service that a request is for, or a refusal. */
  service(arrival: Arrival): ServiceRoutes;
}

/** Errors of a request for which no service was found. */
const anyService = restJsonErrors({ errors: new Map() });

const nothing = new Uint8Array();

/** How long a body that is kept in memory may take to arrive: 32 MiB at 2 Mbit/s. Milliseconds. */
const bodyMs = 120_000;

/** The one path of every request, on every port. Never rejects. */
export async function serve(edge: Edge, arrival: Arrival): Promise<Answer> {
  // 1 id, 2 log
  const requestId = edge.ids.uuid();
  const started = edge.clock.now();
  const log = edge.log.child({ id: requestId });
  let style = anyService;
  let route: Route | undefined;
  let caller: Caller = { kind: 'anonymous' };
  try {
    // 3 route: the service, then method and path
    const service = edge.service(arrival);
    style = service.errors;
    route = service.route(arrival);
    // 4 authenticate, as far as it goes without the body
    const authenticate = await edge.authenticate(arrival, route, started);
    // 5 read
    const body = await read(edge, arrival, route);
    // 6 authenticate
    const { caller: found, payloadHash, chunks } = authenticate(body);
    caller = found;
    // 7 parse
    const input = route.parse({ arrival, body, payloadHash, chunks });
    // 8 authorize
    authorize(route, input, caller, edge.account, arrival.address);
    // 9 handle; what an access key changes is recorded with its change
    const handle = route.handle.bind(route, input, callOf(edge, arrival, caller, log, started));
    const record = auditRecord(route, input, caller, { requestId, at: started, path: arrival.path });
    const output = await (record === undefined ? handle() : edge.audit.during(record, handle));
    // 10 serialize
    const answer = route.serialize(output);
    note(log, 'served', arrival, route, caller, { status: answer.status, ms: edge.clock.now() - started });
    return withCommonHeaders(answer, requestId);
  } catch (error) {
    const refused = refuse(error, style, requestId, arrival.path);
    const facts = { status: refused.answer.status, ms: edge.clock.now() - started, code: refused.code };
    if (refused.known) {
      note(log, 'refused', arrival, route, caller, { ...facts, why: refused.message });
    } else {
      log.error('failed', {
        ...described(arrival, route, caller),
        ...facts,
        why: messageChain(error),
        stack: stackOf(error),
      });
    }
    return withCommonHeaders(refused.answer, requestId);
  }
}

async function read({ timers }: Edge, arrival: Arrival, { body, maxBytes }: Route): Promise<Uint8Array> {
  if (body === 'stream') return nothing;
  const limits = { maxBytes, maxMs: bodyMs };
  return readWhole(arrival.body, headerOf(arrival.headers, 'content-length'), limits, timers);
}

/**
 * An access key may do everything in its account, an assumed role little; a device may ask about itself, and of
 * that what its policies allow.
 */
function authorize(route: Route, input: unknown, caller: Caller, account: Account, sourceIp: string): void {
  if (caller.kind === 'session') {
    const action = actionOf(route.service, route.operation);
    if (sessionMay(action)) return;
    const who = assumedRoleArn(account, caller.session);
    throw new Fault('AccessDeniedException', `User: ${who} is not authorized to perform: ${action}`);
  }
  if (caller.kind !== 'device') return;
  if (caller.things.length === 0) {
    throw new Fault('AccessDeniedException', `The client certificate ${caller.certificateId} is attached to no thing`);
  }
  const thing = route.thing?.(input);
  if (thing !== undefined && !caller.things.includes(thing)) {
    const own = caller.things.join(', ');
    throw new Fault('AccessDeniedException', `The client certificate is that of ${own}, and not of the thing ${thing}`);
  }
  const needed = route.permission?.(input, account);
  if (needed === undefined || !caller.request({ thing, sourceIp })(needed.action, needed.resource)) {
    const what = needed === undefined ? route.operation : `${needed.action} on ${needed.resource}`;
    throw new Fault('AccessDeniedException', `No policy of the client certificate allows ${what}`);
  }
}

function callOf(edge: Edge, arrival: Arrival, caller: Caller, log: Log, now: number): Call {
  const { app, account, endpoints } = edge;
  const host = headerOf(arrival.headers, 'host')?.replace(/:\d+$/, '') ?? '';
  return { app, account, endpoints, host, caller, log, now };
}

interface Refusal {
  readonly answer: Answer;
  readonly code: string;
  readonly message: string;
  /** Meant for the caller (which 501 and 503 are too); else it is ours to look into. */
  readonly known: boolean;
}

/** The one place where errors become answers. What the service does not know is a 500 without details. */
function refuse(error: unknown, style: ErrorStyle, requestId: string, path: string): Refusal {
  const code = error instanceof Fault ? style.translate(error.code) : style.internal;
  const status = style.status(code);
  if (error instanceof Fault && status !== undefined && code !== style.internal) {
    const { message, context } = error;
    return { answer: style.render({ code, status, message, context, requestId, path }), code, message, known: true };
  }
  const message = 'An internal error occurred. The log of the service has it under the request id.';
  const failure = { code: style.internal, status: 500, message, context: {}, requestId, path };
  return { answer: style.render(failure), code: style.internal, message, known: false };
}

/** Date is the server's to add. S3 clients read the second spelling of the request id. */
function withCommonHeaders(answer: Answer, requestId: string): Answer {
  return { ...answer, headers: { ...answer.headers, 'x-amzn-requestid': requestId, 'x-amz-request-id': requestId } };
}

function note(
  log: Log,
  what: string,
  arrival: Arrival,
  route: Route | undefined,
  caller: Caller,
  facts: Readonly<Record<string, unknown>>,
): void {
  log.info(what, { ...described(arrival, route, caller), ...facts });
}

/** Never the query: it may carry a signature. */
function described(arrival: Arrival, route: Route | undefined, caller: Caller): Record<string, unknown> {
  const operation = route === undefined ? {} : { service: route.service, operation: route.operation };
  const where = route === undefined || route.service === 's3' ? { method: arrival.method, path: arrival.path } : {};
  const who =
    caller.kind === 'device'
      ? { things: caller.things }
      : caller.kind === 'user'
        ? { accessKey: caller.accessKeyId }
        : caller.kind === 'session'
          ? { accessKey: caller.accessKeyId, role: caller.session.roleArn, thing: caller.session.thing }
          : {};
  return { ...operation, ...where, ...who };
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
