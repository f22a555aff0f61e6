import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContentStore } from '../../ports/content.ts';
import { openContentStore } from './content-store.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-content-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* stream(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function collect(bytes: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function put(store: ContentStore, bytes: AsyncIterable<Uint8Array>, maxBytes: number) {
  const { keep, discard, ...content } = await store.receive(bytes, maxBytes);
  await keep();
  await discard();
  return content;
}

const hash = (kind: string, content: string) => createHash(kind).update(content).digest('hex');

describe('the content store', () => {
  test('keeps bytes under their hash and tells what they are', async () => {
    const store = await openContentStore(folder);
    const kept = await put(store, stream('hel', 'lo'), 5);
    expect(kept).toEqual({ sha256: hash('sha256', 'hello'), md5: hash('md5', 'hello'), size: 5 });
    expect(await store.size(kept.sha256)).toBe(5);
    expect(await collect(await store.open(kept.sha256))).toBe('hello');
    expect(await readdir(join(folder, kept.sha256.slice(0, 2)))).toEqual([kept.sha256]);
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });

  test('keeps one copy of the same bytes, also when they come at once, and empty content', async () => {
    const store = await openContentStore(folder);
    const same = await Promise.all([1, 2, 3].map(() => put(store, stream('x'), 1)));
    expect(new Set(same.map((each) => each.sha256)).size).toBe(1);
    const empty = await put(store, stream(), 0);
    expect(await collect(await store.open(empty.sha256))).toBe('');
  });

  test('gives a range, both ends included', async () => {
    const store = await openContentStore(folder);
    const { sha256 } = await put(store, stream('0123456789'), 100);
    expect(await collect(await store.open(sha256, { start: 2, end: 4 }))).toBe('234');
    expect(await collect(await store.open(sha256, { start: 8, end: 99 }))).toBe('89');
  });

  test('refuses more than the limit and keeps nothing of it', async () => {
    const store = await openContentStore(folder);
    await expect(put(store, stream('123', '456'), 5)).rejects.toMatchObject({ code: 'EntityTooLarge' });
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });

  test('keeps nothing of what was received and given up', async () => {
    const store = await openContentStore(folder);
    const received = await store.receive(stream('x'), 1);
    await received.discard();
    expect(await store.size(received.sha256)).toBeUndefined();
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });

  test('keeps nothing of an upload that breaks off', async () => {
    const store = await openContentStore(folder);
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('connection lost');
    }
    await expect(put(store, broken(), 100)).rejects.toThrow('connection lost');
    expect(await readdir(folder)).toEqual(['incoming']);
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });

  test('knows nothing that is not there, and makes no path of anything but a hash', async () => {
    const store = await openContentStore(folder);
    await writeFile(join(folder, 'secret'), 'secret');
    for (const name of [hash('sha256', 'absent'), '../secret', 'secret', '', `${'a'.repeat(63)}/`, 'A'.repeat(64)]) {
      expect(await store.open(name)).toBeUndefined();
      expect(await store.size(name)).toBeUndefined();
      await store.delete(name);
    }
    expect(await readdir(folder)).toContain('secret');
  });

  test('deletes, and clears at the start what a crash left', async () => {
    const store = await openContentStore(folder);
    const { sha256 } = await put(store, stream('x'), 1);
    await store.delete(sha256);
    expect(await store.size(sha256)).toBeUndefined();
    await writeFile(join(folder, 'incoming', '1'), 'left over');
    const again = await openContentStore(folder);
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
    expect((await put(again, stream('y'), 1)).size).toBe(1);
  });

  test('a stream that its reader leaves early holds no file open', async () => {
    const store = await openContentStore(folder);
    const { sha256 } = await put(store, stream('x'.repeat(300_000)), 300_000);
    for await (const part of (await store.open(sha256)) ?? []) {
      expect(part.byteLength).toBeGreaterThan(0);
      break;
    }
    await store.delete(sha256);
  });
});
