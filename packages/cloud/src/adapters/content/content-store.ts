import { createHash } from 'node:crypto';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@greensward/kit';
import { ensureFolder, syncFolder } from '@greensward/kit/node';
import type { ContentStore, ReceivedContent } from '../../ports/content.ts';

/**
 * Content in `folder`, each in `ab/<sha256>` with `ab` its first two digits. What is being received is in `incoming/`; what
 * a crash left there is removed here, so one process at a time has the folder.
 */
export async function openContentStore(folder: string): Promise<ContentStore> {
  const incoming = join(folder, 'incoming');
  await ensureFolder(incoming, 0o700);
  for (const name of await readdir(incoming)) await rm(join(incoming, name), { force: true, recursive: true });
  let received = 0;

  /** The one place where a path is made: of 64 hex digits and nothing else. */
  function pathOf(sha256: string): { folder: string; file: string } | undefined {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    const shelf = join(folder, sha256.slice(0, 2));
    return { folder: shelf, file: join(shelf, sha256) };
  }

  async function size(sha256: string): Promise<number | undefined> {
    const path = pathOf(sha256);
    if (!path) return undefined;
    try {
      return (await stat(path.file)).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async function receive(bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<ReceivedContent> {
    received += 1;
    const temporary = join(incoming, String(received));
    const discard = () => rm(temporary, { force: true });
    try {
      const content = await writeTo(bytes, maxBytes, temporary);
      return { ...content, keep: () => keep(content.sha256, temporary), discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }

  async function keep(sha256: string, temporary: string): Promise<void> {
    const path = pathOf(sha256);
    if (!path) throw new Error('a hash of an unexpected form');
    await ensureFolder(path.folder, 0o700);
    await rename(temporary, path.file);
    await syncFolder(path.folder);
    await syncFolder(folder);
  }

  return {
    receive,
    size,

    async open(sha256, range) {
      const path = pathOf(sha256);
      if (!path || (await size(sha256)) === undefined) return undefined;
      // Opened by the first read, so that a stream that nobody reads holds no file open.
      return read(path.file, range);
    },

    async delete(sha256) {
      const path = pathOf(sha256);
      if (path) await rm(path.file, { force: true });
    },
  };
}

/** Writes the bytes to a new file, durably, and tells what they are. */
async function writeTo(bytes: AsyncIterable<Uint8Array>, maxBytes: number, to: string) {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let size = 0;
  const file = await open(to, 'wx', 0o600);
  try {
    for await (const chunk of bytes) {
      size += chunk.byteLength;
      if (size > maxBytes) {
        throw new Fault('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
          context: { maxBytes },
        });
      }
      sha256.update(chunk);
      md5.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex'), size };
}

async function* read(path: string, range?: { start: number; end: number }): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    yield* file.createReadStream({ autoClose: false, ...range });
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
