import type { IncomingMessage } from 'node:http';
import { Fault } from '@greensward/kit';
import { percentEncode } from '@greensward/protocol/walker';
import { bodyOf, rangeStart } from './artifact-transfer.ts';
import type { AwsCalls, AwsRequest } from './aws-call.ts';
import type { ObjectStore } from './data-plane.ts';
import { type HttpCall, isRetryableStatus } from './http-exchange.ts';

/** Objects of S3, read with the credentials of the device's role; a bucket of another region is found by S3's own answer. */
export function createS3Objects(aws: AwsCalls): ObjectStore {
  /** Where buckets turned out to be. */
  const regions = new Map<string, string>();

  async function send(
    method: 'GET' | 'HEAD',
    bucket: string,
    key: string,
    range: string | undefined,
    signal: AbortSignal,
  ) {
    const request = (region: string): AwsRequest => ({
      service: 's3',
      region,
      method,
      url: objectUrl(aws, region, bucket, key),
      headers: range === undefined ? {} : { range },
      body: new Uint8Array(),
    });
    const region = regions.get(bucket) ?? aws.region;
    const first = await aws.send(request(region), signal);
    const named = first.response.headers['x-amz-bucket-region'];
    const status = first.response.statusCode ?? 0;
    if (typeof named !== 'string' || named === region || ![301, 307, 400, 403].includes(status)) return first;
    first.response.resume();
    regions.set(bucket, named);
    return aws.send(request(named), signal);
  }

  return {
    async size(bucket, key, signal) {
      const { response, call } = await send('HEAD', bucket, key, undefined, signal);
      response.resume();
      if (response.statusCode !== 200) throw statusFault('HEAD', response, call);
      const length = response.headers['content-length'];
      if (length !== undefined && /^\d+$/.test(length)) return Number(length);
      throw new Fault('S3_ERROR', `S3 does not tell the size of s3://${bucket}/${key}`);
    },

    async download(bucket, key, start, signal) {
      const { response, call } = await send('GET', bucket, key, start === 0 ? undefined : `bytes=${start}-`, signal);
      if (response.statusCode === 200) return bodyOf(response, start, call);
      if (response.statusCode === 206 && rangeStart(response) === start) return bodyOf(response, 0, call);
      response.destroy();
      throw statusFault('GET', response, call);
    },
  };
}

/** With an endpoint of its own a store has no names for buckets, so that the bucket is in the path. */
function objectUrl(aws: AwsCalls, region: string, bucket: string, key: string): URL {
  const path = key.split('/').map(percentEncode).join('/');
  const { s3 } = aws.endpoints;
  if (s3 !== undefined) return new URL(`${s3.replace(/\/+$/, '')}/${percentEncode(bucket)}/${path}`);
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  // A certificate covers one label: a bucket with dots in its name is in the path.
  if (bucket.includes('.')) return new URL(`https://s3.${region}.${suffix}/${percentEncode(bucket)}/${path}`);
  return new URL(`https://${percentEncode(bucket)}.s3.${region}.${suffix}/${path}`);
}

function statusFault(method: 'GET' | 'HEAD', response: IncomingMessage, { url }: HttpCall): Fault {
  const status = response.statusCode ?? 0;
  const operation = method === 'HEAD' ? 'S3_HEAD_OBJECT' : 'S3_GET_OBJECT';
  let code = 'S3_ERROR';
  if (status === 403) code = `${operation}_ACCESS_DENIED`;
  else if (status === 404) code = `${operation}_RESOURCE_NOT_FOUND`;
  else if (status === 400) code = 'S3_BAD_REQUEST';
  else if (status >= 500) code = 'S3_SERVER_ERROR';
  return new Fault(code, `${method} ${url.origin}${url.pathname}: HTTP ${status}`, {
    retryable: isRetryableStatus(status),
    context: { status },
  });
}
