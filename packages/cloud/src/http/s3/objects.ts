import { Fault } from '@greensward/kit';
import type { StoredObject } from '../../ports/storage.ts';
import { type Answer, type Arrival, type Call, headerOf, type Received } from '../exchange.ts';
import { rangeOf, sendBytes } from '../range.ts';
import { uploadOf } from './upload.ts';

/** Which object. */
export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

export async function putObject(
  name: ObjectName,
  { arrival, payloadHash, chunks }: Received,
  { app }: Call,
): Promise<Answer> {
  refuseUnservedHeaders(arrival);
  const contentType = headerOf(arrival.headers, 'content-type');
  const object = await app.objects.put({
    ...name,
    ...(contentType === undefined ? {} : { contentType }),
    body: uploadOf(arrival, payloadHash, chunks),
  });
  return { status: 200, headers: { etag: `"${object.etag}"` } };
}

/** `withBody` false: HeadObject. */
export async function getObject(name: ObjectName, arrival: Arrival, withBody: boolean, { app }: Call): Promise<Answer> {
  const object = await app.objects.head(name.bucket, name.key);
  const failed = preconditionOf(arrival, object);
  if (failed !== undefined) return failed;
  const range = rangeOf(headerOf(arrival.headers, 'range'), object.size);
  return sendBytes(object.size, range, withBody ? (part) => app.objects.open(object, part) : undefined, {
    'content-type': object.contentType ?? 'binary/octet-stream',
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.modifiedAt).toUTCString(),
  });
}

export async function deleteObject({ bucket, key }: ObjectName, { app }: Call): Promise<Answer> {
  await app.objects.delete(bucket, key);
  return { status: 204, headers: {} };
}

/** The AWS CLI reads a large object in ranges, each with If-Match, so that they are of one version. */
function preconditionOf({ headers }: Arrival, object: StoredObject): Answer | undefined {
  const match = headerOf(headers, 'if-match');
  if (match !== undefined && !namesEtag(match, object.etag)) {
    throw new Fault('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
  const noneMatch = headerOf(headers, 'if-none-match');
  if (noneMatch === undefined || !namesEtag(noneMatch, object.etag)) return undefined;
  return { status: 304, headers: { etag: `"${object.etag}"` } };
}

function namesEtag(header: string, etag: string): boolean {
  return header.split(',').some((part) => {
    const text = part.trim();
    return text === '*' || text.replace(/^W\//, '').replaceAll('"', '') === etag;
  });
}

/** What would change the meaning of an upload must not be passed over in silence. */
function refuseUnservedHeaders({ headers }: Arrival): void {
  const refused = ['if-match', 'if-none-match', 'x-amz-copy-source', 'x-amz-write-offset-bytes'];
  const found = Object.keys(headers).find(
    (name) => refused.includes(name) || name.startsWith('x-amz-meta-') || name.startsWith('x-amz-object-lock-'),
  );
  if (found === undefined) return;
  throw new Fault('NotImplemented', `A header you provided implies functionality that is not implemented: ${found}`);
}
