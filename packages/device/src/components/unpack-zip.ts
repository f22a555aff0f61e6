import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Fault, messageOf } from '@greensward/kit';
import { type Entry, openPromise, type ZipFile } from 'yauzl';

/** Bounds of one archive, against archives that grow without end. */
export interface UnpackLimits {
  readonly entries: number;
  /** Bytes of all files together, unpacked. */
  readonly bytes: number;
  /** True where a colon in a name reaches another stream or drive. */
  readonly windows: boolean;
}

/**
 * Unpacks an archive into `target`, a folder that does not exist yet. All names and sizes are checked before the first byte is
 * written. The caller syncs it; on any failure `target` is removed. Throws a Fault `IO_UNZIP_ERROR`.
 */
export async function unpackZip(
  path: string,
  target: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<void> {
  let archive: ZipFile | undefined;
  try {
    // Backslashes become slashes, absolute names and `..` are refused by the reader; checkEntry does not rely on it.
    archive = await openPromise(path, { autoClose: false, lazyEntries: true, validateEntrySizes: true });
    const entries = await listEntries(archive, limits);
    await mkdir(target, { recursive: true, mode: 0o755 });
    for (const entry of entries) {
      signal.throwIfAborted();
      await unpackEntry(archive, entry, target, signal);
    }
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    if (signal.aborted) throw signal.reason;
    if (error instanceof Fault) throw error;
    throw new Fault('IO_UNZIP_ERROR', `${path} cannot be unpacked: ${messageOf(error)}`, { cause: error });
  } finally {
    archive?.close();
  }
}

async function listEntries(archive: ZipFile, limits: UnpackLimits): Promise<Entry[]> {
  if (archive.entryCount > limits.entries) {
    throw new Fault('IO_UNZIP_ERROR', `the archive has ${archive.entryCount} entries, ${limits.entries} are allowed`);
  }
  const entries: Entry[] = [];
  let bytes = 0;
  for await (const entry of archive.eachEntry()) {
    checkEntry(entry, limits.windows);
    // The reader fails an entry that gives more bytes than it declares here, so this sum is a true bound.
    bytes += entry.uncompressedSize;
    if (bytes > limits.bytes) {
      throw new Fault('IO_UNZIP_ERROR', `the archive unpacks to more than ${limits.bytes} bytes, which is the limit`);
    }
    entries.push(entry);
  }
  return entries;
}

function checkEntry(entry: Entry, windows: boolean): void {
  const name = entry.fileName;
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  const escapes = segments.some((segment) => segment === '' || segment === '..' || segment === '.');
  if (escapes || name.includes('\0') || name.includes('\\') || (windows && name.includes(':'))) {
    throw new Fault('IO_UNZIP_ERROR', `Entry is outside of the target dir: ${JSON.stringify(name)}`);
  }
  // The upper half of the attributes is the Unix mode; 0 where the archive was made without one.
  const type = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (type !== 0 && type !== 0o100000 && type !== 0o040000) {
    throw new Fault('IO_UNZIP_ERROR', `the archive holds a link or a device: ${JSON.stringify(name)}`);
  }
  if (!entry.canDecodeFileData()) {
    throw new Fault(
      'IO_UNZIP_ERROR',
      `the archive holds an encrypted entry or an unknown method: ${JSON.stringify(name)}`,
    );
  }
}

async function unpackEntry(archive: ZipFile, entry: Entry, target: string, signal: AbortSignal) {
  const path = join(target, ...entry.fileName.split('/'));
  const isFolder = entry.fileName.endsWith('/');
  await mkdir(isFolder ? path : dirname(path), { recursive: true, mode: 0o755 });
  if (isFolder) return;
  const bytes = await archive.openReadStreamPromise(entry);
  // `wx`: an archive that names a file twice is refused.
  await pipeline(bytes, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
}
