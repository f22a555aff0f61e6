import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ids, silentLog } from '@greensward/kit';
import { systemTimers } from '@greensward/kit/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createArtifactTransfer } from '../uplink/artifact-transfer.ts';
import type { OpenOrigin } from './artifact-origin.ts';
import { artifactSize, fetchFile } from './fetch-file.ts';
import type { RetryDeps } from './retrying.ts';

const content = randomFillSync(Buffer.alloc(3_000_000));
const digest = createHash('sha256').update(content).digest('base64');
const never = new AbortController().signal;
const ids: Ids = { uuid: () => 'id', random: (bytes) => new Uint8Array(bytes) };

let folder: string;
let server: Server;
let deps: RetryDeps;
let origin: OpenOrigin;
/** How the next requests for the file end; after that all is well. */
let troubles: ('error' | 'truncated' | 'garbled')[];
let starts: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-fetch-'));
  troubles = [];
  starts = [];
  server = createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const timers = { ...systemTimers, after: (ms: number, task: () => void) => systemTimers.after(ms / 100, task) };
  const transfer = createArtifactTransfer('', { ...systemTimers });
  const url = `http://127.0.0.1:${port}/big.bin`;
  origin = {
    size: (signal) => transfer.size(url, signal),
    download: (start, signal) => transfer.download(url, start, signal),
  };
  deps = { timers, ids, log: silentLog, retryLimitMs: 60_000 };
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function serve(request: IncomingMessage, response: ServerResponse): void {
  const range = request.headers.range?.match(/^bytes=(\d+)-(\d*)$/);
  const start = Number(range?.[1] ?? 0);
  const end = range?.[2] ? Number(range[2]) + 1 : content.length;
  const asksSize = range?.[2] === '0';
  if (!asksSize) starts.push(start);
  const trouble = asksSize ? undefined : troubles.shift();
  if (trouble === 'error') return void response.writeHead(500).end();
  const head = { 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${content.length}` };
  response.writeHead(range === undefined || range === null ? 200 : 206, head);
  if (trouble === 'truncated')
    return void response.write(content.subarray(start, start + 1_000_000), () => response.destroy());
  response.end(trouble === 'garbled' ? Buffer.alloc(end - start) : content.subarray(start, end));
}

function file() {
  const part = join(folder, 'parts', 'big.bin');
  return {
    name: 'big.bin',
    origin,
    digest,
    size: content.length,
    part,
    target: join(folder, 'big.bin'),
  };
}

test('a file arrives whole over errors and broken connections, each time from where it was', async () => {
  troubles = ['error', 'truncated', 'error', 'truncated'];
  expect(await artifactSize(deps, 'big.bin', origin, never)).toBe(content.length);
  await fetchFile(deps, file(), never);
  expect(content.equals(await readFile(join(folder, 'big.bin')))).toBe(true);
  expect(starts.length).toBe(5);
  expect(starts.slice(0, 2)).toEqual([0, 0]);
  expect(starts[2]).toBeGreaterThan(0);
  expect(starts[4]).toBeGreaterThan(starts[2] ?? 0);
  expect(await readdir(join(folder, 'parts'))).toEqual([]);
});

test('a file that came garbled is loaded again from its start', async () => {
  troubles = ['garbled'];
  await fetchFile(deps, file(), never);
  expect(starts).toEqual([0, 0]);
  expect(content.equals(await readFile(join(folder, 'big.bin')))).toBe(true);
});

test('a rest that is not of this file costs one more download', async () => {
  await fetchFile(deps, file(), never);
  await rm(join(folder, 'big.bin'));
  await writeFile(join(folder, 'parts', 'big.bin'), Buffer.alloc(1_000));
  starts.length = 0;
  await fetchFile(deps, file(), never);
  expect(starts).toEqual([1_000, 0]);
  expect(content.equals(await readFile(join(folder, 'big.bin')))).toBe(true);
});
