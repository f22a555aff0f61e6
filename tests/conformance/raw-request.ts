import { signRequest } from '@greensward/protocol/sigv4';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';

/** A request as bytes on the wire: what no SDK would send. */
export interface RawRequest {
  readonly method: string;
  /** As sent: percent-encoded. */
  readonly path: string;
  readonly query?: string;
  readonly body?: string | Uint8Array;
  /** Service of the credential scope; default `greengrass`. */
  readonly service?: string;
  /** Minutes that the clock of the sender is off. */
  readonly minutesOff?: number;
  /** Another key than that of the profile. */
  readonly key?: { readonly accessKeyId?: string; readonly secretAccessKey?: string };
  readonly unsigned?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; an empty object when it is empty. */
  readonly json: Readonly<Record<string, unknown>>;
  /** `x-amzn-ErrorType`. */
  readonly errorType: string | null;
}

/** Sends one request with the profile that the cloud wrote into `folder`, signed with our own SigV4. */
export async function sendRaw(folder: string, request: RawRequest): Promise<RawAnswer> {
  const { endpoint, region, credentials } = sdkConfiguration(folder);
  const { method, path, query = '', service = 'greengrass', minutesOff = 0, key } = request;
  const body = typeof request.body === 'string' ? Buffer.from(request.body) : (request.body ?? new Uint8Array());
  const headers = { host: new URL(endpoint).host, ...request.headers };
  const signed = signRequest(
    { method, path, query, headers, body },
    { credentials: { ...credentials, ...key }, region, service, now: Date.now() + minutesOff * 60_000 },
  );
  const { host: _, ...sent } = request.unsigned === true ? headers : signed;
  const response = await fetch(`${endpoint}${path}${query === '' ? '' : `?${query}`}`, {
    method,
    headers: sent,
    ...(method === 'GET' || request.body === undefined ? {} : { body: Buffer.from(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json' && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : {},
    errorType: response.headers.get('x-amzn-errortype'),
  };
}
