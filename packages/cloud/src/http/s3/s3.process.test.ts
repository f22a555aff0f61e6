import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type RunningCloud,
  runCloud,
  sdkConfiguration,
  send,
  sendSigned,
  someBytes,
} from '../testing/running-cloud.ts';

let cloud: RunningCloud;
let s3: S3Client;

beforeAll(async () => {
  cloud = await runCloud();
  s3 = new S3Client({ ...sdkConfiguration(cloud), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
});

afterAll(async () => {
  await cloud.destroy();
});

describe('the S3 client of the SDK', () => {
  test('makes, finds, lists and deletes buckets', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'short-lived' }));
    await s3.send(new HeadBucketCommand({ Bucket: 'short-lived' }));
    const location = await s3.send(new GetBucketLocationCommand({ Bucket: 'short-lived' }));
    expect(location.LocationConstraint || undefined).toBeUndefined();
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['artifacts', 'short-lived']);
    await s3.send(new DeleteBucketCommand({ Bucket: 'short-lived' }));
    await expect(s3.send(new HeadBucketCommand({ Bucket: 'short-lived' }))).rejects.toMatchObject({ name: 'NotFound' });
  });

  test.each([
    ['a name', 'plain.zip'],
    ['slashes', 'a/b/c.zip'],
    ['spaces, plus and percent', 'x y/+%25&=.zip'],
    ['letters beyond ASCII', 'ünïcode/日本.zip'],
    ['dots and empty segments', 'a//./../b'],
  ])('an object whose key has %s comes back byte for byte', async (_what, Key) => {
    const Body = someBytes(100_000);
    const put = await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key, Body, ContentType: 'application/zip' }));
    const got = await s3.send(new GetObjectCommand({ Bucket: 'artifacts', Key }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true);
    expect(got).toMatchObject({ ETag: put.ETag, ContentLength: 100_000, ContentType: 'application/zip' });
    expect(await s3.send(new HeadObjectCommand({ Bucket: 'artifacts', Key }))).toMatchObject({
      ContentLength: 100_000,
    });
  });

  test('an upload that is streamed in chunks with a trailing checksum is stored', async () => {
    const body = someBytes(300_000);
    const Body = Readable.from([body.subarray(0, 70_000), body.subarray(70_000)]);
    await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'streamed', Body, ContentLength: body.length }));
    const got = await s3.send(new GetObjectCommand({ Bucket: 'artifacts', Key: 'streamed' }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  });

  test('a range is answered with a part, and with 416 past the end', async () => {
    await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'ten', Body: '0123456789' }));
    const part = await s3.send(new GetObjectCommand({ Bucket: 'artifacts', Key: 'ten', Range: 'bytes=2-4' }));
    expect(await part.Body?.transformToString()).toBe('234');
    expect(part.ContentRange).toBe('bytes 2-4/10');
    await expect(
      s3.send(new GetObjectCommand({ Bucket: 'artifacts', Key: 'ten', Range: 'bytes=10-' })),
    ).rejects.toMatchObject({ name: 'InvalidRange', $metadata: { httpStatusCode: 416 } });
  });

  test('a list has pages, prefixes and groups', async () => {
    const Bucket = 'listed';
    await s3.send(new CreateBucketCommand({ Bucket }));
    for (const Key of ['a/1', 'a/2', 'b', 'c/1', 'd&<e'])
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const grouped = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }));
    expect(grouped.CommonPrefixes).toEqual([{ Prefix: 'a/' }, { Prefix: 'c/' }]);
    expect(grouped.Contents?.map(({ Key }) => Key)).toEqual(['b', 'd&<e']);
    const seen: unknown[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/', MaxKeys: 1, ContinuationToken }));
      seen.push(
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      );
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(seen).toEqual(['a/', 'b', 'c/', 'd&<e']);
    await expect(s3.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({ name: 'BucketNotEmpty' });
  });

  test('a deleted object is gone, and deleting it again is no error', async () => {
    const object = { Bucket: 'artifacts', Key: 'gone' };
    await s3.send(new PutObjectCommand({ ...object, Body: 'x' }));
    await s3.send(new DeleteObjectCommand(object));
    await s3.send(new DeleteObjectCommand(object));
    await expect(s3.send(new GetObjectCommand(object))).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(s3.send(new HeadObjectCommand(object))).rejects.toMatchObject({ name: 'NotFound' });
  });

  test('multipart uploads and conditional writes are refused in words', async () => {
    await expect(s3.send(new CreateMultipartUploadCommand({ Bucket: 'artifacts', Key: 'm' }))).rejects.toMatchObject({
      name: 'NotImplemented',
      message: expect.stringContaining('Multipart'),
    });
    // A refusal, and no failure of ours.
    expect(cloud.log.at(-1)).toMatchObject({ level: 'info', message: 'refused', status: 501 });
    await expect(
      s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'm', Body: 'x', IfNoneMatch: '*' })),
    ).rejects.toMatchObject({ name: 'NotImplemented', message: expect.stringContaining('if-none-match') });
  });
});

describe('bad uploads', () => {
  async function isStored(key: string): Promise<boolean> {
    return (await sendSigned(cloud, 's3', { method: 'HEAD', path: `/artifacts/${key}` })).status === 200;
  }

  test('a body that is not the one that was signed is refused, and nothing is stored', async () => {
    const signed = await sendSigned(cloud, 's3', { method: 'PUT', path: '/artifacts/forged', body: 'good' });
    expect(signed.status).toBe(200);
    await s3.send(new DeleteObjectCommand({ Bucket: 'artifacts', Key: 'forged' }));
    const headers = { 'x-amz-checksum-crc32': 'AAAAAA==' };
    const answer = await sendSigned(cloud, 's3', { method: 'PUT', path: '/artifacts/forged', body: 'evil', headers });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain('<Code>BadDigest</Code>');
    expect(await isStored('forged')).toBe(false);
  });

  test('an unsigned request is refused in XML or JSON, and one for a missing bucket in XML', async () => {
    expect((await send(cloud.ports.apiPort, { method: 'PUT', path: '/artifacts/x', body: 'x' })).status).toBe(403);
    const missing = await sendSigned(cloud, 's3', { method: 'PUT', path: '/no-such-bucket/x', body: 'x' });
    expect(missing.status).toBe(404);
    expect(missing.body.toString()).toContain('<Code>NoSuchBucket</Code>');
    const wrong = await sendSigned(cloud, 's3', { path: '/' }, { secret: 'wrong' });
    expect(wrong.status).toBe(403);
    expect(wrong.body.toString()).toContain('<Code>SignatureDoesNotMatch</Code>');
  });
});

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Signs as the SDKs for Java and .NET do when they stream: the request by the SDK's own signer, the chunks by the rule. */
async function signedChunks(key: string, chunks: readonly Buffer[], trailer: boolean) {
  const form = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`;
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const signer = new SignatureV4({
    service: 's3',
    region: 'us-east-1',
    credentials: cloud.key,
    sha256: class {
      private readonly hash;
      constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
        this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
      }
      update(data: string | ArrayBuffer | ArrayBufferView) {
        this.hash.update(bytesOf(data));
      }
      async digest() {
        return new Uint8Array(this.hash.digest());
      }
      reset() {}
    },
    uriEscapePath: false,
  });
  const { headers } = await signer.sign({
    method: 'PUT',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: `/artifacts/${key}`,
    headers: {
      host: new URL(cloud.endpoint).host,
      'content-encoding': 'aws-chunked',
      'x-amz-content-sha256': form,
      'x-amz-decoded-content-length': String(length),
      ...(trailer ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}),
    },
  });
  const authorization = headers['authorization'] ?? '';
  const time = headers['x-amz-date'] ?? '';
  let previous = authorization.match(/Signature=(.*)$/)?.[1] ?? '';
  const derive = (from: string | Buffer, data: string) => createHmac('sha256', from).update(data).digest();
  const scope = [time.slice(0, 8), 'us-east-1', 's3', 'aws4_request'];
  const signingKey = scope.reduce<string | Buffer>(derive, `AWS4${cloud.key.secretAccessKey}`);
  const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
  const sign = (what: string, ...hashes: readonly string[]) => {
    const text = [`AWS4-HMAC-SHA256-${what}`, time, scope.join('/'), previous, ...hashes].join('\n');
    previous = createHmac('sha256', signingKey).update(text).digest('hex');
    return previous;
  };
  const framed = [...chunks, Buffer.alloc(0)].map((chunk) => {
    const head = `${chunk.length.toString(16)};chunk-signature=${sign('PAYLOAD', sha256(''), sha256(chunk))}\r\n`;
    return Buffer.concat([Buffer.from(head), chunk, Buffer.from(chunk.length === 0 ? '' : '\r\n')]);
  });
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(Buffer.concat(chunks)));
  const line = `x-amz-checksum-crc32:${crc.toString('base64')}`;
  const end = trailer ? `${line}\r\nx-amz-trailer-signature:${sign('TRAILER', sha256(`${line}\n`))}\r\n\r\n` : '\r\n';
  return { headers, body: Buffer.concat([...framed, Buffer.from(end)]) };
}

describe('an upload whose chunks are signed', () => {
  const chunks = [someBytes(70_000), someBytes(9)];
  const put = (key: string, { headers, body }: { headers: Record<string, string>; body: Buffer }) =>
    send(cloud.ports.apiPort, { method: 'PUT', path: `/artifacts/${key}`, headers, body });

  test.each([false, true])('is stored without its framing (trailer: %s)', async (trailer) => {
    expect((await put('signed', await signedChunks('signed', chunks, trailer))).status).toBe(200);
    const got = await s3.send(new GetObjectCommand({ Bucket: 'artifacts', Key: 'signed' }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Buffer.concat(chunks))).toBe(true);
  });

  test.each([false, true])('is refused when a byte was changed on the way (trailer: %s)', async (trailer) => {
    const { headers, body } = await signedChunks('changed', chunks, trailer);
    body[40_000] = (body[40_000] ?? 0) ^ 1;
    const answer = await put('changed', { headers, body });
    expect(answer.status).toBe(403);
    expect(answer.body.toString()).toContain('<Code>SignatureDoesNotMatch</Code>');
    expect((await sendSigned(cloud, 's3', { method: 'HEAD', path: '/artifacts/changed' })).status).toBe(404);
  });
});
