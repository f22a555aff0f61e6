import { Fault } from '@greensward/kit';
import type { Answer, Call, Received, Route, ServiceRoutes } from '../exchange.ts';
import { restXmlErrors } from '../wire/rest-xml.ts';
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets, listObjects } from './buckets.ts';
import { deleteObject, getObject, putObject } from './objects.ts';

interface Input extends Received {
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
}

type Handler = (input: Input, call: Call) => Promise<Answer>;

/** Query members that change nothing about which operation it is. */
const harmless: ReadonlySet<string> = new Set([
  'x-id',
  'list-type',
  'prefix',
  'delimiter',
  'max-keys',
  'encoding-type',
  'continuation-token',
  'start-after',
  'fetch-owner',
  'max-buckets',
]);

const handlers = {
  ListBuckets: (_input, call) => listBuckets(call),
  CreateBucket: ({ bucket }, call) => createBucket(bucket, call),
  HeadBucket: ({ bucket }, call) => headBucket(bucket, call),
  GetBucketLocation: ({ bucket }, call) => getBucketLocation(bucket, call),
  DeleteBucket: ({ bucket }, call) => deleteBucket(bucket, call),
  ListObjectsV2: ({ bucket, query }, call) => listObjects(bucket, query, call),
  PutObject: (input, call) => putObject(input, input, call),
  GetObject: (input, call) => getObject(input, input.arrival, true, call),
  HeadObject: (input, call) => getObject(input, input.arrival, false, call),
  DeleteObject: (input, call) => deleteObject(input, call),
} satisfies Record<string, Handler>;

type OperationName = keyof typeof handlers;

/** The part of S3 that holds artifacts: path style, one PUT an object. */
export function s3Service(): ServiceRoutes {
  const routes = new Map(Object.entries(handlers).map(([name, handler]) => [name, routeOf(name, handler)]));
  return {
    errors: restXmlErrors,
    route(arrival) {
      const { bucket, key } = pathOf(arrival.path);
      if (arrival.query.includes('%00')) throw new Fault('InvalidArgument', 'The query contains the character U+0000');
      const query = new URLSearchParams(arrival.query);
      const route = routes.get(operationOf(arrival.method, bucket, key, query));
      if (route === undefined) throw new Error('an operation of S3 without a route');
      return route;
    },
  };
}

function routeOf(operation: string, handler: Handler): Route<Input, Answer> {
  const upload = operation === 'PutObject';
  return {
    service: 's3',
    operation,
    errors: restXmlErrors,
    access: 'signed',
    body: upload ? 'stream' : 'whole',
    maxBytes: 64 * 1024,
    parse: (received) => ({
      ...received,
      ...pathOf(received.arrival.path),
      query: new URLSearchParams(received.arrival.query),
    }),
    handle: handler,
    serialize: (answer) => answer,
  };
}

function operationOf(method: string, bucket: string, key: string, query: URLSearchParams): OperationName {
  const resource = [...query.keys()].find((name) => !harmless.has(name) && !name.startsWith('X-Amz-'));
  const what = `${method} ${key === '' ? (bucket === '' ? 'service' : 'bucket') : 'object'}`;
  if (resource !== undefined && !(resource === 'location' && what === 'GET bucket')) throw notServed(what, resource);
  switch (what) {
    case 'GET service':
      return 'ListBuckets';
    case 'PUT bucket':
      return 'CreateBucket';
    case 'HEAD bucket':
      return 'HeadBucket';
    case 'DELETE bucket':
      return 'DeleteBucket';
    case 'GET bucket':
      if (resource === 'location') return 'GetBucketLocation';
      if (query.get('list-type') === '2') return 'ListObjectsV2';
      throw new Fault('NotImplemented', 'Use ListObjectsV2: ListObjects is not implemented');
    case 'PUT object':
      return 'PutObject';
    case 'GET object':
      return 'GetObject';
    case 'HEAD object':
      return 'HeadObject';
    case 'DELETE object':
      return 'DeleteObject';
    default:
      throw new Fault('MethodNotAllowed', 'The specified method is not allowed against this resource.');
  }
}

function notServed(what: string, resource: string): Fault {
  const multipart = resource === 'uploads' || resource === 'uploadId' || resource === 'partNumber';
  const message = multipart
    ? 'Multipart uploads are not implemented: send the object in one PUT (s3 multipart_threshold of the AWS CLI)'
    : `${what}?${resource.slice(0, 64)} is not implemented`;
  return new Fault('NotImplemented', message);
}

/** Path style: the first segment is the bucket, the rest the key, in which slashes and dots mean nothing. */
function pathOf(path: string): { bucket: string; key: string } {
  const slash = path.indexOf('/', 1);
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash);
  const key = slash < 0 ? '' : path.slice(slash + 1);
  try {
    const decoded = { bucket: decodeURIComponent(bucket), key: decodeURIComponent(key) };
    if (path.includes('%00')) throw new Fault('InvalidURI', 'The key contains the character U+0000');
    if (Buffer.byteLength(decoded.key) > 1024) throw new Fault('KeyTooLongError', 'Your key is too long');
    return decoded;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('InvalidURI', "Couldn't parse the specified URI.", { cause });
  }
}
