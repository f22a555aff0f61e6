import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeZip, type TestEntry } from './testing/zip.ts';
import { type UnpackLimits, unpackZip } from './unpack-zip.ts';

const limits: UnpackLimits = { entries: 100, bytes: 1_000, windows: false };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-zip-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function unpack(archive: Buffer, bounds: Partial<UnpackLimits> = {}, signal = new AbortController().signal) {
  const path = join(folder, 'a.zip');
  await writeFile(path, archive);
  await unpackZip(path, join(folder, 'out', 'a'), { ...limits, ...bounds }, signal);
}

async function refusal(archive: Buffer, bounds: Partial<UnpackLimits> = {}): Promise<string> {
  const error: unknown = await unpack(archive, bounds).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'IO_UNZIP_ERROR' });
  // Nothing stays, and nothing is outside.
  expect((await readdir(folder)).filter((name) => name !== 'out')).toEqual(['a.zip']);
  expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([]);
  return error instanceof Error ? error.message : '';
}

test('files and folders are unpacked, also empty ones and those without an entry of their folder', async () => {
  await unpack(makeZip([{ name: 'b/' }, { name: 'x', data: 'one' }, { name: 'c/d/y', data: '' }]));
  const out = join(folder, 'out', 'a');
  expect((await readdir(out)).sort()).toEqual(['b', 'c', 'x']);
  expect(await readFile(join(out, 'x'), 'utf8')).toBe('one');
  expect(await readFile(join(out, 'c', 'd', 'y'), 'utf8')).toBe('');
});

test.each<[string, TestEntry]>([
  ['a path out of the folder', { name: '../evil', data: 'x' }],
  ['such a path in the middle', { name: 'a/../../evil', data: 'x' }],
  ['such a path with backslashes', { name: '..\\evil', data: 'x' }],
  ['an absolute path', { name: '/tmp/evil', data: 'x' }],
  ['a drive', { name: 'C:/evil', data: 'x' }],
  ['an empty part', { name: 'a//b', data: 'x' }],
  ['the folder itself', { name: './x', data: 'x' }],
  ['a symbolic link', { name: 'link', data: '/etc/passwd', mode: 0o120777 }],
  ['a device', { name: 'device', mode: 0o060600 }],
  ['an encrypted file', { name: 'secret', data: 'x', encrypted: true }],
])('%s is refused before anything is written', async (_what, entry) => {
  await refusal(makeZip([{ name: 'first', data: 'x' }, entry]));
});

test('a colon is a part of a name, except on Windows', async () => {
  const archive = makeZip([{ name: 'Foo::Bar.3pm', data: 'x' }]);
  expect(await refusal(archive, { windows: true })).toContain('outside of the target dir');
  await unpack(archive);
});

test('too many entries, or bytes, or one name twice are refused', async () => {
  expect(await refusal(makeZip([{ name: 'a' }, { name: 'b' }]), { entries: 1 })).toContain('2 entries');
  const large = { name: 'a', data: 'x'.repeat(600) };
  expect(await refusal(makeZip([large, { ...large, name: 'b' }]))).toContain('more than 1000 bytes');
  await refusal(makeZip([large, large]), { bytes: 10_000 });
});

test('an archive that holds more than it declares is refused', async () => {
  const bomb = deflateRawSync(Buffer.alloc(1_000_000));
  const archive = makeZip([{ name: 'bomb', data: bomb }]);
  // Turned into a deflated entry that claims to be as small unpacked as it is packed.
  archive.writeUInt16LE(8, archive.indexOf('PK\x03\x04') + 8);
  archive.writeUInt16LE(8, archive.indexOf('PK\x01\x02') + 10);
  await refusal(archive, { bytes: 2_000 });
});

test('what is not an archive is refused', async () => {
  await refusal(Buffer.from('text'));
});

test('an abort is thrown as it is and leaves nothing', async () => {
  const abort = new AbortController();
  abort.abort(new Error('enough'));
  await expect(unpack(makeZip([{ name: 'x' }]), {}, abort.signal)).rejects.toThrow('enough');
  expect(await readdir(join(folder, 'out'))).toEqual([]);
});
