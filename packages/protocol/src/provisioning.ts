import { Fault, isJsonObject } from '@greensward/kit';
import { readPayload } from './payload.ts';

// Fleet provisioning over MQTT: `$aws/certificates/...` and `$aws/provisioning-templates/...`. Each request topic ends in the
// format of its payload; answers come on it with `/accepted` or `/rejected` added.

/** The request topic of an operation of fleet provisioning, taken apart. */
export type ProvisioningTopic = { readonly format: 'json' | 'cbor' } & (
  | { readonly kind: 'create-keys' | 'create-from-csr' }
  | { readonly kind: 'provision'; readonly template: string }
);

/** Undefined for a topic that is none of these, also for the topic of an answer. */
export function parseProvisioningTopic(topic: string): ProvisioningTopic | undefined {
  const found = topic.match(
    /^\$aws\/(?:certificates\/(create|create-from-csr)|provisioning-templates\/([0-9A-Za-z_-]{1,36})\/provision)\/(json|cbor)$/,
  );
  if (found === null) return undefined;
  const [, create, template] = found;
  const format = found[3] === 'cbor' ? 'cbor' : 'json';
  if (template !== undefined) return { kind: 'provision', template, format };
  return { kind: create === 'create' ? 'create-keys' : 'create-from-csr', format };
}

/** What `errorCode` of a rejection says, with its `statusCode`. Public texts name the shape, few of the codes. */
const statusCodes = {
  InvalidPayload: 400,
  InvalidParameters: 400,
  InvalidCertificateSigningRequest: 400,
  InvalidCertificateOwnershipToken: 403,
  ResourceRegistrationFailure: 400,
  Forbidden: 403,
  ResourceNotFound: 404,
  ResourceConflict: 409,
  UnsupportedPayloadFormat: 415,
  Throttled: 429,
  InternalError: 500,
} as const;

export type ProvisioningErrorCode = keyof typeof statusCodes;

/** The payload of a rejection. */
export function provisioningRejection(errorCode: ProvisioningErrorCode, errorMessage: string) {
  return { statusCode: statusCodes[errorCode], errorCode, errorMessage };
}

/** A request has a certificate request or a few parameters in it; this is far above what a device sends. Bytes. */
const maxRequestBytes = 65_536;
/** How many parameters are read, and how long (characters) each value may be; a CSR is the longest there is. */
const maxParameters = 100;
const maxParameterLength = 8192;

/** The CSR (PEM) of a create-from-csr request. Throws Fault InvalidPayload. */
export function parseCsrRequest(payload: Uint8Array): string {
  const csr = read(payload).string('certificateSigningRequest');
  if (csr === undefined || csr === '') throw invalid('certificateSigningRequest must be a certificate request in PEM');
  return csr;
}

/**
 * The token and the parameters of a provision request on the topic of `template`; `templateName` in the payload is redundant
 * and may be left out. Throws Fault InvalidPayload.
 */
export function parseProvisionRequest(
  payload: Uint8Array,
  template: string,
): { readonly token: string; readonly parameters: ReadonlyMap<string, string> } {
  const request = read(payload);
  const token = request.string('certificateOwnershipToken');
  if (token === undefined || token === '') throw invalid('certificateOwnershipToken must be a string');
  if (request.has('templateName') && request.raw('templateName') !== template) {
    throw invalid('templateName is not the template of the topic');
  }
  const given = request.raw('parameters') ?? {};
  if (!isJsonObject(given)) throw invalid('parameters must be an object');
  const entries = Object.entries(given);
  if (entries.length > maxParameters) throw invalid(`parameters has more than ${maxParameters} members`);
  const parameters = new Map<string, string>();
  for (const [name, value] of entries) {
    const shown = JSON.stringify(name.slice(0, 128));
    if (typeof value !== 'string') throw invalid(`parameters: ${shown} must be a string`);
    if (value.length > maxParameterLength) {
      throw invalid(`parameters: ${shown} is longer than ${maxParameterLength} characters`);
    }
    parameters.set(name, value);
  }
  return { token, parameters };
}

function read(payload: Uint8Array) {
  if (payload.length > maxRequestBytes) throw invalid(`The payload is larger than ${maxRequestBytes} bytes`);
  return readPayload(payload, 'InvalidPayload');
}

function invalid(message: string): Fault {
  return new Fault('InvalidPayload', message);
}
