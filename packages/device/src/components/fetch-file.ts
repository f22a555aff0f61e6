import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault, messageOf } from '@greensward/kit';
import { syncFolder } from '@greensward/kit/node';
import type { DataPlane } from '../uplink/data-plane.ts';
import { type RetryDeps, retrying } from './retrying.ts';

/** How often a file whose digest is wrong is loaded again. */
const checksumAttempts = 3;

export interface FetchDeps extends RetryDeps {
  readonly dataPlane: Pick<DataPlane, 'artifactUrl' | 'size' | 'download'>;
}

/** One file to load. `part` survives failures and restarts and is continued; `target` is there only when it is right. */
export interface FileToFetch {
  readonly componentArn: string;
  readonly artifactName: string;
  readonly digest: string;
  readonly size: number;
  readonly part: string;
  readonly target: string;
}

/** The size of an artifact in bytes, asked from where it will be loaded. */
export function artifactSize(deps: FetchDeps, arn: string, artifactName: string, signal: AbortSignal): Promise<number> {
  return retrying(deps, `asking for the size of ${artifactName}`, signal, async () =>
    deps.dataPlane.size(await deps.dataPlane.artifactUrl(arn, artifactName, signal), signal),
  );
}

/** Loads a file, or the rest of it, verifies it and moves it to its place. Durable when it resolves. */
export async function fetchFile(deps: FetchDeps, file: FileToFetch, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(file.part), { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt += 1) {
    await retrying(deps, `download of ${file.artifactName}`, signal, (progressed) =>
      downloadRest(deps, file, signal, progressed),
    ).catch(async (error: unknown) => {
      // Room for the store is worth more than a download that cannot end.
      if (error instanceof Fault && error.code === 'DISK_SPACE_CRITICAL') await rm(file.part, { force: true });
      throw error;
    });
    const digest = await digestOfFile(file.part, signal);
    if (digest === file.digest) break;
    await rm(file.part, { force: true });
    const problem = `artifact ${file.artifactName} has the SHA-256 digest ${digest}, its recipe says ${file.digest}`;
    if (attempt === checksumAttempts) throw new Fault('ARTIFACT_CHECKSUM_MISMATCH', problem);
    deps.log.warn('artifact does not match its digest, will be loaded again', { artifact: file.artifactName, attempt });
  }
  await asIo('IO_WRITE_ERROR', file.target, async () => {
    await rename(file.part, file.target);
    await syncFolder(dirname(file.target));
  });
}

async function downloadRest(deps: FetchDeps, file: FileToFetch, signal: AbortSignal, progressed: () => void) {
  let have = await sizeOnDisk(file.part);
  if (have > file.size) {
    await rm(file.part, { force: true });
    have = 0;
  }
  const part = await asIo('IO_WRITE_ERROR', file.part, () => open(file.part, 'a', 0o600));
  try {
    if (have < file.size) {
      // A new address each time: the last one may have expired during a long outage.
      const url = await deps.dataPlane.artifactUrl(file.componentArn, file.artifactName, signal);
      for await (const bytes of await deps.dataPlane.download(url, have, signal)) {
        signal.throwIfAborted();
        have += bytes.length;
        if (have > file.size) break;
        await write(part, bytes, file.part);
        progressed();
      }
    }
    await asIo('IO_WRITE_ERROR', file.part, () => part.sync());
  } finally {
    await part.close();
  }
  if (have === file.size) return;
  // What came is kept and continued, unless it cannot be a beginning of the file.
  if (have > file.size) await rm(file.part, { force: true });
  const problem = `${file.artifactName}: ${have} of ${file.size} bytes arrived`;
  throw new Fault('DOWNLOAD_GREENGRASS_ARTIFACT_ERROR', problem, { retryable: true });
}

async function write(part: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  await asIo('IO_WRITE_ERROR', path, () => part.appendFile(bytes));
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

/** Runs file work; its errors become faults of `code`, or `DISK_SPACE_CRITICAL` when the volume is full. */
export async function asIo<T>(code: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ioFault(code, path, error);
  }
}

function ioFault(code: string, path: string, cause: unknown): Fault {
  const full = errorCode(cause) === 'ENOSPC' || errorCode(cause) === 'EDQUOT';
  return new Fault(full ? 'DISK_SPACE_CRITICAL' : code, `${path}: ${messageOf(cause)}`, { cause });
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
