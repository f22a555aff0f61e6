import { Fault } from '@greensward/kit';
import type { Page, StoredObject } from '../../ports/storage.ts';
import type { Answer, Call } from '../exchange.ts';
import { pager } from '../page-token.ts';
import { restXmlAnswer } from '../wire/rest-xml.ts';
import type { XmlElement } from '../wire/xml.ts';

const maxKeysPerPage = 1000;

export async function listBuckets({ app, account }: Call): Promise<Answer> {
  const buckets = await app.objects.buckets();
  return restXmlAnswer('ListAllMyBucketsResult', [
    ['Owner', [['ID', account.accountId]]],
    [
      'Buckets',
      buckets.map(
        ({ name, createdAt }): XmlElement => [
          'Bucket',
          [
            ['Name', name],
            ['CreationDate', iso(createdAt)],
          ],
        ],
      ),
    ],
  ]);
}

export async function createBucket(bucket: string, { app }: Call): Promise<Answer> {
  await app.objects.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` } };
}

export async function headBucket(bucket: string, { app, account }: Call): Promise<Answer> {
  await app.objects.requireBucket(bucket);
  return { status: 200, headers: { 'x-amz-bucket-region': account.region } };
}

/** S3: us-east-1 is told by an empty element. */
export async function getBucketLocation(bucket: string, { app, account }: Call): Promise<Answer> {
  await app.objects.requireBucket(bucket);
  const location = account.region === 'us-east-1' ? '' : account.region;
  const text = location === '' ? '/>' : `>${location}</LocationConstraint>`;
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"${text}`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body, 'utf8') };
}

export async function deleteBucket(bucket: string, { app }: Call): Promise<Answer> {
  await app.objects.deleteBucket(bucket);
  return { status: 204, headers: {} };
}

/** ListObjectsV2: keys in order; with a delimiter, keys that share a prefix up to it count as one. */
export async function listObjects(bucket: string, query: URLSearchParams, { app }: Call): Promise<Answer> {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const encoding = query.get('encoding-type');
  const limit = maxKeysOf(query.get('max-keys'));
  const pages = pager('ListObjectsV2', { bucket, prefix, delimiter }, 'continuation-token');
  const token = query.get('continuation-token') ?? undefined;
  const after = pages.request(token, limit).after ?? query.get('start-after') ?? undefined;
  const fetch = (from: string | undefined) =>
    app.objects.list(bucket, prefix, { limit: maxKeysPerPage, ...(from === undefined ? {} : { after: from }) });
  const found = await collect(fetch, { prefix, delimiter, after, limit });
  const shown = (text: string) => (encoding === 'url' ? encodeURIComponent(text) : text);
  return restXmlAnswer('ListBucketResult', [
    ['Name', bucket],
    ['Prefix', shown(prefix)],
    ['Delimiter', delimiter === '' ? undefined : shown(delimiter)],
    ['MaxKeys', limit],
    ['EncodingType', encoding ?? undefined],
    ['KeyCount', found.objects.length + found.prefixes.length],
    ['IsTruncated', found.next !== undefined],
    ['ContinuationToken', token],
    ['NextContinuationToken', pages.token(found.next)],
    ['StartAfter', query.get('start-after') ?? undefined],
    ...found.objects.map((object): XmlElement => ['Contents', contents(object, shown)]),
    ...found.prefixes.map((common): XmlElement => ['CommonPrefixes', [['Prefix', shown(common)]]]),
  ]);
}

interface Listing {
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  /** The key to continue after. */
  readonly next: string | undefined;
}

async function collect(
  fetch: (after: string | undefined) => Promise<Page<StoredObject>>,
  want: { prefix: string; delimiter: string; after: string | undefined; limit: number },
): Promise<Listing> {
  const objects: StoredObject[] = [];
  const prefixes = new Set<string>();
  // A token may point into a group that the page before has already shown.
  const shownBefore = want.after === undefined ? undefined : groupOf(want.after, want);
  let last: string | undefined;
  for (let from = want.after; ; ) {
    const page = await fetch(from);
    for (const object of page.items) {
      const group = groupOf(object.key, want);
      const isNew = group === undefined || (!prefixes.has(group) && group !== shownBefore);
      if (isNew && objects.length + prefixes.size >= want.limit)
        return { objects, prefixes: [...prefixes], next: last };
      if (group === undefined) objects.push(object);
      else if (isNew) prefixes.add(group);
      last = object.key;
    }
    from = page.next;
    if (from === undefined) return { objects, prefixes: [...prefixes], next: undefined };
  }
}

function groupOf(key: string, { prefix, delimiter }: { prefix: string; delimiter: string }): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

function contents(object: StoredObject, shown: (text: string) => string): readonly XmlElement[] {
  return [
    ['Key', shown(object.key)],
    ['LastModified', iso(object.modifiedAt)],
    ['ETag', `"${object.etag}"`],
    ['Size', object.size],
    ['StorageClass', 'STANDARD'],
  ];
}

function maxKeysOf(text: string | null): number {
  if (text === null) return maxKeysPerPage;
  if (!/^\d{1,9}$/.test(text)) throw new Fault('InvalidArgument', 'max-keys is not a number');
  return Math.min(maxKeysPerPage, Number(text));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
