import { plainText } from '../domain/history/plain-text.ts';
import type { AuditRecord } from '../ports/history.ts';
import type { Caller, Route } from './exchange.ts';

/** Members of requests that name what they are about. Nothing else of a request is kept: it may be secret. */
const naming = [
  'targetArn',
  'deploymentId',
  'jobId',
  'thingName',
  'coreDeviceThingName',
  'thingGroupName',
  'componentArn',
  'arn',
  'resourceArn',
  'policyName',
  'certificateId',
  'principal',
  'target',
  'templateName',
  'roleAlias',
  'shadowName',
];

const maxTarget = 512;

/** How a request of an access key is recorded, if it changes something; devices' own requests are not. */
export function auditRecord(
  { service, operation }: Pick<Route, 'service' | 'operation'>,
  input: unknown,
  caller: Caller,
  request: { readonly requestId: string; readonly at: number; readonly path: string },
): AuditRecord | undefined {
  if (caller.kind !== 'user' && caller.kind !== 'session') return undefined;
  const members = new Map<string, unknown>(typeof input === 'object' && input !== null ? Object.entries(input) : []);
  const named = naming.flatMap((name) => {
    const value = members.get(name);
    return typeof value === 'string' ? [`${name}=${value}`] : [];
  });
  return {
    requestId: request.requestId,
    at: request.at,
    caller: caller.accessKeyId,
    operation: `${service}:${operation}`,
    target: plainText(named.length > 0 ? named.join(' ') : request.path, maxTarget),
  };
}
