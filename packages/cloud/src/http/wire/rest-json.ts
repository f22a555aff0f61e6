import { Fault } from '@greensward/kit';
import { thingArn } from '@greensward/protocol/arn';
import { type Operation, parseInput, serializeOutput } from '@greensward/protocol/walker';
import type { Account } from '../../app/context.ts';
import { scopeOf } from '../arns.ts';
import type { Call, ErrorStyle, Route, ServiceRoutes } from '../exchange.ts';
import { createRouter } from '../router.ts';

/** What this wire needs to know of a service of `@greensward/protocol`. */
interface ServiceLike<T> {
  readonly name: string;
  readonly operations: T;
  readonly errors: ReadonlyMap<
    string,
    { readonly status: number; readonly members: readonly { readonly name: string; readonly wire: string }[] }
  >;
  readonly allOperations: ReadonlyMap<string, readonly [method: string, uri: string]>;
}

/** One function for every operation of a service: a missing one is a type error. */
export type Handlers<T> = {
  readonly [K in keyof T]: T[K] extends Operation<infer I, infer O> ? (input: I, call: Call) => Promise<O> : never;
};

/** How the routes of one service differ from the usual. */
export interface RouteOptions {
  readonly access: Route['access'];
  /** Bytes of a body, by operation; one MiB for the others. */
  readonly maxBytes?: ReadonlyMap<string, number>;
  /** The member that names the thing a request is about, by operation. */
  readonly thing?: ReadonlyMap<string, string>;
  /** What a policy calls the operations of this service for devices: `greengrass:` and the operation's name. */
  readonly actionPrefix?: 'greengrass:' | 'iot:' | 'iotjobsdata:';
  /** Where the action is called otherwise. */
  readonly action?: ReadonlyMap<string, string>;
  /** The ARN that a policy has to allow, by operation; else that of the thing, or `*` for what is about none. */
  readonly resource?: ReadonlyMap<string, (input: unknown, account: Account) => string>;
}

const oneMebibyte = 1024 * 1024;

/** Errors that any REST-JSON service may answer without declaring them. */
const commonStatuses = new Map<string, number>([
  ['AccessDeniedException', 403],
  ['ConflictException', 409],
  ['ExpiredTokenException', 403],
  ['IncompleteSignatureException', 403],
  ['InvalidSignatureException', 403],
  ['MissingAuthenticationTokenException', 403],
  ['RequestEntityTooLargeException', 413],
  ['RequestTimeoutException', 408],
  ['ResourceNotFoundException', 404],
  ['ServiceUnavailableException', 503],
  ['SignatureDoesNotMatch', 403],
  ['ThrottlingException', 429],
  ['UnknownOperationException', 400],
  ['UnrecognizedClientException', 403],
  ['VersionMismatch', 409],
]);

/** The other name of one error in IoT and in Greengrass. */
const synonyms = new Map<string, string>([
  ['ValidationException', 'InvalidRequestException'],
  ['InvalidRequestException', 'ValidationException'],
  ['InternalServerException', 'InternalFailureException'],
  ['InternalFailureException', 'InternalServerException'],
]);

/**
 * Errors of a REST-JSON service: `x-amzn-ErrorType` and `{"message", ...}`, with those members of the fault's context
 * that the error declares. What the service does not declare goes under the name its sister service would use.
 */
export function restJsonErrors(service: Pick<ServiceLike<unknown>, 'errors'>): ErrorStyle {
  const status = (code: string) => service.errors.get(code)?.status ?? commonStatuses.get(code);
  return {
    status,
    translate: (code) => (service.errors.has(code) ? code : (synonyms.get(code) ?? code)),
    internal: service.errors.has('InternalServerException') ? 'InternalServerException' : 'InternalFailureException',
    render: (error) => {
      const members = service.errors.get(error.code)?.members ?? [];
      const extra = members.flatMap(({ name, wire }) => {
        const value = name === 'message' ? undefined : error.context[name];
        return value === undefined ? [] : [[wire, value] as const];
      });
      const state = error.context['executionState'];
      const body = {
        message: error.message,
        ...Object.fromEntries(extra),
        ...(state ? { executionState: state } : {}),
      };
      return {
        status: error.status,
        headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.code },
        body: Buffer.from(JSON.stringify(body), 'utf8'),
      };
    },
  };
}

/** The routes of a service, by operation. */
export function restJsonRoutes<T extends object>(
  service: ServiceLike<T>,
  handlers: Handlers<T>,
  options: RouteOptions,
): ReadonlyMap<string, Route> {
  const errors = restJsonErrors(service);
  const routes = new Map<string, Route>();
  const prefix = options.actionPrefix;
  const operations: readonly [string, unknown][] = Object.entries(service.operations);
  const functions = new Map<string, unknown>(Object.entries(handlers));
  for (const [name, operation] of operations) {
    const handle = functions.get(name);
    if (!isOperation(operation) || !isHandler(handle)) throw new Error(`${service.name}: ${name} has no handler`);
    const thing = options.thing?.get(name);
    const resource = options.resource?.get(name);
    routes.set(name, {
      service: service.name,
      operation: name,
      errors,
      access: options.access,
      body: 'whole',
      maxBytes: options.maxBytes?.get(name) ?? oneMebibyte,
      parse: ({ arrival, body }) => parseInput(operation, { ...arrival, body }),
      ...(thing === undefined ? {} : { thing: (input: unknown) => textMember(input, thing) }),
      ...(prefix === undefined
        ? {}
        : {
            permission: (input: unknown, account: Account) => ({
              action: options.action?.get(name) ?? `${prefix}${name}`,
              resource:
                resource?.(input, account) ??
                (thing === undefined ? '*' : thingArn(scopeOf(account), textMember(input, thing))),
            }),
          }),
      handle,
      serialize: (output) => serializeOutput(operation, output),
    });
  }
  return routes;
}

/** The routes of one service. What the SDK knows and this cloud does not serve is refused by its name. */
export function restJsonService(
  service: Pick<ServiceLike<unknown>, 'name' | 'allOperations' | 'errors'>,
  routes: ReadonlyMap<string, Route>,
): ServiceRoutes {
  const find = createRouter([...service.allOperations].map(([name, [method, uri]]) => ({ method, uri, value: name })));
  return {
    errors: restJsonErrors(service),
    route({ method, path }) {
      const name = find(method, path);
      const route = name === undefined ? undefined : routes.get(name);
      if (route !== undefined) return route;
      throw unknownOperation(service, name ?? `${method} ${path.slice(0, 256)}`, name !== undefined);
    },
  };
}

/** Greengrass has a reason for it in ValidationException; the others get an error that no SDK declares. */
function unknownOperation(service: Pick<ServiceLike<unknown>, 'name' | 'errors'>, what: string, known: boolean): Fault {
  const message = known
    ? `${service.name}: ${what} is not served by Greensward`
    : `${service.name} has no operation ${what}`;
  return service.errors.has('ValidationException')
    ? new Fault('ValidationException', message, { context: { reason: 'UNKNOWN_OPERATION' } })
    : new Fault('UnknownOperationException', message);
}

function isOperation(value: unknown): value is Operation<unknown, unknown> {
  return typeof value === 'object' && value !== null && 'segments' in value;
}

function isHandler(value: unknown): value is (input: unknown, call: Call) => Promise<unknown> {
  return typeof value === 'function';
}

export function textMember(input: unknown, name: string): string {
  const value = new Map<string, unknown>(Object.entries(input ?? {})).get(name);
  return typeof value === 'string' ? value : '';
}
