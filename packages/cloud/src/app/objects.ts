import { Fault } from '@greensward/kit';
import type { StoredObject, Tx } from '../ports/storage.ts';
import type { ObjectUseCases } from './app.ts';
import type { ContentGate } from './content-gate.ts';
import type { AppDeps } from './context.ts';

/** S3: the largest object of a single PUT. */
const maxObjectBytes = 5 * 1024 ** 3;

/** Removes content that nothing names any more. */
export type ContentSweep = (sha256: string) => Promise<void>;

/** The sweep over objects and artifacts. A failure is logged: content that stays costs space only. */
export function createContentSweep(deps: AppDeps, gate: ContentGate): ContentSweep {
  const { storage, content, log } = deps;
  return async (sha256) => {
    try {
      await gate.sweep(async () => {
        const used = await storage.read(
          async (tx) => (await tx.objects.usesContent(sha256)) || (await tx.components.usesContent(sha256)),
        );
        if (!used) await content.delete(sha256);
      });
    } catch (error) {
      log.warn('unused content stays', { sha256, error });
    }
  };
}

/** The object store behind the S3 API: names in the database, bytes by their hash. Faults carry S3's codes. */
export function createObjects(deps: AppDeps, gate: ContentGate, sweep: ContentSweep): ObjectUseCases {
  const { storage, content, urls, clock, account } = deps;

  return {
    createBucket: (name) =>
      storage.write(async (tx) => {
        if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
          throw new Fault('InvalidBucketName', 'The specified bucket is not valid.');
        }
        if ((await tx.objects.bucket(name)) === undefined) return tx.objects.createBucket(name, clock.now());
        // S3: only us-east-1 lets the owner create a bucket again.
        if (account.region === 'us-east-1') return;
        throw new Fault(
          'BucketAlreadyOwnedByYou',
          'Your previous request to create the named bucket succeeded and you already own it.',
        );
      }),

    requireBucket: (name) => storage.read((tx) => requireBucket(tx, name)),

    buckets: () => storage.read((tx) => tx.objects.buckets()),

    deleteBucket: (name) =>
      storage.write(async (tx) => {
        await requireBucket(tx, name);
        if ((await tx.objects.list(name, '', { limit: 1 })).items.length > 0) {
          throw new Fault('BucketNotEmpty', 'The bucket you tried to delete is not empty.');
        }
        await tx.objects.deleteBucket(name);
      }),

    async put({ bucket, key, contentType, body }) {
      await storage.read((tx) => requireBucket(tx, bucket));
      const received = await content.receive(body, maxObjectBytes);
      const { sha256, size, md5 } = received;
      const name = (tx: Tx) =>
        nameContent(tx, { bucket, key, sha256, size, etag: md5, modifiedAt: clock.now(), ...typed(contentType) });
      try {
        const { object, replaced } = await gate.upload(async () => {
          await received.keep();
          return storage.write(name);
        });
        if (replaced !== undefined && replaced !== sha256) await sweep(replaced);
        return object;
      } catch (error) {
        await sweep(sha256); // It may have been kept without a name.
        throw error;
      } finally {
        await received.discard();
      }
    },

    head: (bucket, key) =>
      storage.read(async (tx) => {
        await requireBucket(tx, bucket);
        const object = await tx.objects.get(bucket, key);
        if (object === undefined)
          throw new Fault('NoSuchKey', 'The specified key does not exist.', { context: { key } });
        return object;
      }),

    async open(object, range) {
      const bytes = await content.open(object.sha256, range);
      if (bytes === undefined)
        throw new Fault('InternalError', `The content of ${object.bucket}/${object.key} is missing.`);
      return bytes;
    },

    list: (bucket, prefix, page) =>
      storage.read(async (tx) => {
        await requireBucket(tx, bucket);
        return tx.objects.list(bucket, prefix, page);
      }),

    async delete(bucket, key) {
      const removed = await storage.write(async (tx) => {
        await requireBucket(tx, bucket);
        const object = await tx.objects.get(bucket, key);
        if (object !== undefined) await tx.objects.delete(bucket, key);
        return object?.sha256;
      });
      if (removed !== undefined) await sweep(removed);
    },

    async presigned(path, query) {
      const granted = urls.verify(path, query);
      if (granted === undefined) return undefined;
      const size = await content.size(granted.sha256);
      if (size === undefined) return undefined;
      return {
        size,
        async open(range) {
          const bytes = await content.open(granted.sha256, range);
          if (bytes === undefined) throw new Fault('NoSuchKey', 'The specified key does not exist.');
          return bytes;
        },
      };
    },
  };
}

/** Puts an object in the place of what had its name; tells the content of that. */
async function nameContent(
  tx: Tx,
  object: StoredObject,
): Promise<{ readonly object: StoredObject; readonly replaced: string | undefined }> {
  await requireBucket(tx, object.bucket); // It may have gone while the body came.
  const before = await tx.objects.get(object.bucket, object.key);
  await tx.objects.put(object);
  return { object, replaced: before?.sha256 };
}

function typed(contentType: string | undefined): { readonly contentType?: string } {
  return contentType === undefined ? {} : { contentType };
}

async function requireBucket(tx: Tx, name: string): Promise<void> {
  if ((await tx.objects.bucket(name)) === undefined) {
    throw new Fault('NoSuchBucket', 'The specified bucket does not exist', { context: { bucket: name } });
  }
}
