import type { IncomingHttpHeaders } from 'node:http';
import type { Log } from '@greensward/kit';
import type { ChunkSignatures } from '@greensward/protocol/sigv4';
import type { App, DeviceIdentity } from '../app/app.ts';
import type { Account } from '../app/context.ts';
import type { Session } from '../ports/session-credentials.ts';

/** A request as it arrived: nothing decoded, nothing trusted. */
export interface Arrival {
  readonly method: string;
  /** Still percent-encoded, without the query. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** The client certificate, DER, when one was shown: its key is in the client's hands, and nothing else is known of it. */
  readonly certificate: Uint8Array | undefined;
  /** Of the peer. */
  readonly address: string;
}

/** An answer before the headers that every answer carries. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Who is calling. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly accessKeyId: string }
  /** A role that a device has assumed: temporary credentials. */
  | { readonly kind: 'session'; readonly accessKeyId: string; readonly session: Session }
  | ({ readonly kind: 'device' } & DeviceIdentity);

/** Where this cloud is reached. */
export interface Endpoints {
  /** Host names, the first one preferred; never empty. */
  readonly names: readonly [string, ...string[]];
  readonly devicePort: number;
  readonly mqttPort: number;
  /** The authority that signed the certificates of these ports, PEM. */
  readonly rootPem: string;
}

/** What a handler may use besides its input. */
export interface Call {
  readonly app: App;
  readonly account: Account;
  readonly endpoints: Endpoints;
  /** The host name that the caller says it used; not checked. */
  readonly host: string;
  readonly caller: Caller;
  readonly log: Log;
  /** Epoch ms at the start of the request. */
  readonly now: number;
}

/** The parts of a request that a wire format reads. */
export interface Received {
  readonly arrival: Arrival;
  /** Empty for a route whose body is a stream. */
  readonly body: Uint8Array;
  /** What the signature says of the payload of a streamed request: its hex SHA-256, or the name of another form. */
  readonly payloadHash: string;
  /** What checks the chunks of a streamed request that are signed one by one. */
  readonly chunks: ChunkSignatures | undefined;
}

/** How a service tells what went wrong. */
export interface ErrorStyle {
  /** The HTTP status of a code; undefined when the service knows no such error. */
  status(code: string): number | undefined;
  /** The name of the same error in this service. */
  translate(code: string): string;
  readonly internal: string;
  render(error: RenderedFault): Answer;
}

interface RenderedFault {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly requestId: string;
  readonly path: string;
}

/** One operation as the pipeline sees it. */
export interface Route<I = unknown, O = unknown> {
  readonly service: string;
  readonly operation: string;
  readonly errors: ErrorStyle;
  /** `signed`: SigV4 with an access key. `device`: a registered client certificate. `open`: anybody. */
  readonly access: 'signed' | 'device' | 'open';
  /** `whole` is read, at most `maxBytes` of it, before the signature is compared; `stream` is left to the handler. */
  readonly body: 'whole' | 'stream';
  readonly maxBytes: number;
  parse(received: Received): I;
  /** The thing that the request is about, where a device may only ask about its own. */
  thing?(input: I): string;
  /** What a device needs to be allowed by its policies: an action, and the ARN of what it is done to, or `*`. */
  permission?(input: I, account: Account): { readonly action: string; readonly resource: string };
  handle(input: I, call: Call): Promise<O>;
  serialize(output: O): Answer;
}

/** The routes of one service, and how it tells that there is none. */
export interface ServiceRoutes {
  readonly errors: ErrorStyle;
  /** The operation of method and path; refuses what is not served. */
  route(arrival: Arrival): Route;
}

/** The first value of a header. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
