import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud();
  await cloud.app.objects.createBucket('bucket');
});
afterAll(() => cloud.close());

async function* bytes(text: string) {
  yield Buffer.from(text);
}
async function read(source: AsyncIterable<Uint8Array>) {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('an object is read as it was put, whole and in part, with its MD5 as ETag', async () => {
  const put = await cloud.app.objects.put({
    bucket: 'bucket',
    key: 'a/b.txt',
    contentType: 'text/plain',
    body: bytes('hello'),
  });
  expect(put).toMatchObject({ size: 5, etag: '5d41402abc4b2a76b9719d911017c592', contentType: 'text/plain' });
  const object = await cloud.app.objects.head('bucket', 'a/b.txt');
  expect(await read(await cloud.app.objects.open(object))).toBe('hello');
  expect(await read(await cloud.app.objects.open(object, { start: 1, end: 3 }))).toBe('ell');
});

test('content that two objects share stays until the last of them is gone or overwritten', async () => {
  for (const key of ['one', 'two']) await cloud.app.objects.put({ bucket: 'bucket', key, body: bytes('shared') });
  await cloud.app.objects.delete('bucket', 'one');
  const two = await cloud.app.objects.head('bucket', 'two');
  expect(await read(await cloud.app.objects.open(two))).toBe('shared');
  await cloud.app.objects.put({ bucket: 'bucket', key: 'two', body: bytes('other') });
  await expect(cloud.app.objects.open(two)).rejects.toMatchObject({ code: 'InternalError' });
});

test('putting and deleting the same content at once never leaves an object without it', async () => {
  for (let round = 0; round < 20; round++) {
    await cloud.app.objects.put({ bucket: 'bucket', key: 'racer', body: bytes('raced') });
    await Promise.all([
      cloud.app.objects.delete('bucket', 'racer'),
      cloud.app.objects.put({ bucket: 'bucket', key: 'winner', body: bytes('raced') }),
    ]);
    const winner = await cloud.app.objects.head('bucket', 'winner');
    expect(await read(await cloud.app.objects.open(winner))).toBe('raced');
    await cloud.app.objects.delete('bucket', 'winner');
  }
});

test('an upload that takes its time keeps no other upload or removal waiting', async () => {
  const gate = Promise.withResolvers<void>();
  async function* slow() {
    yield Buffer.from('slow');
    await gate.promise;
  }
  const { objects } = cloud.app;
  await objects.put({ bucket: 'bucket', key: 'quick', body: bytes('first') });
  const upload = objects.put({ bucket: 'bucket', key: 'slow', body: slow() });
  await objects.put({ bucket: 'bucket', key: 'quick', body: bytes('second') });
  await objects.delete('bucket', 'quick');
  gate.resolve();
  expect(await read(await objects.open(await upload))).toBe('slow');
});

test('what is not there, not empty or not a bucket name is refused with the codes of S3', async () => {
  const { objects } = cloud.app;
  await expect(objects.head('nowhere', 'k')).rejects.toMatchObject({ code: 'NoSuchBucket' });
  await expect(objects.head('bucket', 'nothing')).rejects.toMatchObject({ code: 'NoSuchKey' });
  await expect(objects.put({ bucket: 'nowhere', key: 'k', body: bytes('') })).rejects.toMatchObject({
    code: 'NoSuchBucket',
  });
  await objects.put({ bucket: 'bucket', key: 'there', body: bytes('') });
  await expect(objects.deleteBucket('bucket')).rejects.toMatchObject({ code: 'BucketNotEmpty' });
  await expect(objects.createBucket('No_Bucket')).rejects.toMatchObject({ code: 'InvalidBucketName' });
  await objects.createBucket('bucket'); // us-east-1 lets its owner.
  await objects.delete('bucket', 'never there');
});
