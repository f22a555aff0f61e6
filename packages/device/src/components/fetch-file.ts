import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '@greensward/kit';
import type { OpenOrigin } from './artifact-origin.ts';
import { asIo, errorCode, ioFault } from './io.ts';
import { type RetryDeps, retrying } from './retrying.ts';

/** How often a file whose digest is wrong is loaded again. */
const checksumAttempts = 3;
/** What is collected before it is hashed and written: the network gives pieces of 16 kB, and a write is a task of its own. */
const bufferBytes = 1024 * 1024;

/** One file to load. `part` survives failures and restarts and is continued; `target` is there only when it is right. */
export interface FileToFetch {
  readonly name: string;
  readonly origin: OpenOrigin;
  readonly digest: string;
  readonly size: number;
  readonly part: string;
  readonly target: string;
}

/** The size of an artifact in bytes, asked from where it will be loaded. */
export function artifactSize(deps: RetryDeps, name: string, origin: OpenOrigin, signal: AbortSignal): Promise<number> {
  return retrying(deps, `asking for the size of ${name}`, signal, () => origin.size(signal));
}

/** Loads a file, or the rest of it, verifies it and moves it to its place. What a power cut leaves of it is for the caller to make sure. */
export async function fetchFile(deps: RetryDeps, file: FileToFetch, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(file.part), { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt += 1) {
    const progress: Progress = { hash: createHash('sha256'), bytes: 0 };
    await retrying(deps, `download of ${file.name}`, signal, (progressed) =>
      downloadRest(file, progress, signal, progressed),
    ).catch(async (error: unknown) => {
      // Room for the store is worth more than a download that cannot end.
      if (error instanceof Fault && error.code === 'DISK_SPACE_CRITICAL') await rm(file.part, { force: true });
      throw error;
    });
    const digest = progress.hash.digest('base64');
    if (digest === file.digest) break;
    await rm(file.part, { force: true });
    const problem = `artifact ${file.name} has the SHA-256 digest ${digest}, its recipe says ${file.digest}`;
    if (attempt === checksumAttempts) throw new Fault('ARTIFACT_CHECKSUM_MISMATCH', problem);
    deps.log.warn('artifact does not match its digest, will be loaded again', { artifact: file.name, attempt });
  }
  await asIo('IO_WRITE_ERROR', file.target, () => rename(file.part, file.target));
}

/** What of the part file is hashed. Always a beginning of it, or what is on disk is hashed anew. */
interface Progress {
  hash: Hash;
  bytes: number;
}

async function downloadRest(file: FileToFetch, progress: Progress, signal: AbortSignal, progressed: () => void) {
  let have = await sizeOnDisk(file.part);
  if (have > file.size) {
    await rm(file.part, { force: true });
    have = 0;
  }
  if (progress.bytes !== have) {
    progress.hash = await hashOfFile(file.part, have, signal);
    progress.bytes = have;
  }
  const part = await asIo('IO_WRITE_ERROR', file.part, () => open(file.part, 'a', 0o600));
  let overflow = false;
  try {
    if (have < file.size) {
      const writer = new PartWriter(part, file.part, progress);
      const bytes = await file.origin.download(have, signal);
      overflow = await copy(bytes, writer, file.size, signal, progressed);
    }
    // What came is kept and continued, unless it cannot be a beginning of the file.
    if (!overflow && progress.bytes === file.size) return;
  } finally {
    await part.close();
  }
  if (overflow) await rm(file.part, { force: true });
  const problem = `${file.name}: ${overflow ? 'more than' : `${progress.bytes} of`} ${file.size} bytes arrived`;
  throw new Fault('DOWNLOAD_GREENGRASS_ARTIFACT_ERROR', problem, { retryable: true });
}

/** True when more than `size` bytes came; then not all of them are written. */
async function copy(
  bytes: AsyncIterable<Uint8Array>,
  writer: PartWriter,
  size: number,
  signal: AbortSignal,
  progressed: () => void,
): Promise<boolean> {
  try {
    for await (const piece of bytes) {
      signal.throwIfAborted();
      if (writer.length + piece.length > size) return true;
      await writer.add(piece);
      progressed();
    }
  } finally {
    // Also what came before the line broke: it need not be loaded again.
    await writer.flush();
  }
  return false;
}

/** Collects small pieces, and hashes and writes them together. */
class PartWriter {
  private readonly buffer = Buffer.allocUnsafe(bufferBytes);
  private filled = 0;
  private failed = false;
  private readonly file: FileHandle;
  private readonly path: string;
  private readonly progress: Progress;

  constructor(file: FileHandle, path: string, progress: Progress) {
    this.file = file;
    this.path = path;
    this.progress = progress;
  }

  /** With what was there before. */
  get length(): number {
    return this.progress.bytes + this.filled;
  }

  async add(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const rest = piece.subarray(at, at + bufferBytes - this.filled);
      this.buffer.set(rest, this.filled);
      this.filled += rest.length;
      at += rest.length;
      if (this.filled === bufferBytes) await this.flush();
    }
  }

  async flush(): Promise<void> {
    // After a failed write nobody knows how much of it is there.
    if (this.filled === 0 || this.failed) return;
    const bytes = this.buffer.subarray(0, this.filled);
    this.failed = true;
    await asIo('IO_WRITE_ERROR', this.path, () => this.file.appendFile(bytes));
    this.failed = false;
    this.progress.hash.update(bytes);
    this.progress.bytes += bytes.length;
    this.filled = 0;
  }
}

async function hashOfFile(path: string, bytes: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  if (bytes === 0) return hash;
  try {
    const options = { highWaterMark: 256 * 1024, end: bytes - 1, signal };
    for await (const piece of createReadStream(path, options)) hash.update(piece);
  } catch (error) {
    signal.throwIfAborted();
    throw ioFault('IO_READ_ERROR', path, error);
  }
  return hash;
}

/** Base64 of SHA-256 of a file's bytes; undefined when there is no such file. Throws the signal's reason when aborted. */
export async function digestOfFile(path: string, signal: AbortSignal): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 256 * 1024, signal })) hash.update(bytes);
  } catch (error) {
    signal.throwIfAborted();
    if (errorCode(error) === 'ENOENT') return undefined;
    throw ioFault('IO_READ_ERROR', path, error);
  }
  return hash.digest('base64');
}

/** The bytes of a file; 0 when there is none. */
export async function sizeOnDisk(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.size ?? 0;
}
