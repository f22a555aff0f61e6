import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTar, type TestTarEntry } from './testing/tar.ts';
import { unpackTar } from './unpack-tar.ts';
import type { UnpackLimits } from './unpack-zip.ts';

const limits: UnpackLimits = { entries: 100, bytes: 1_000_000, windows: false };
let folder: string;
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-tar-'));
  out = join(folder, 'out', 'a');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function unpack(archive: Buffer, bounds: Partial<UnpackLimits> = {}, signal = new AbortController().signal) {
  const path = join(folder, 'a.tar');
  await writeFile(path, archive);
  await unpackTar(path, out, { ...limits, ...bounds }, signal);
}

async function refusal(archive: Buffer, bounds: Partial<UnpackLimits> = {}): Promise<string> {
  const error: unknown = await unpack(archive, bounds).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'IO_UNZIP_ERROR' });
  // Nothing stays, and nothing is outside.
  expect((await readdir(folder)).filter((name) => name !== 'out')).toEqual(['a.tar']);
  expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([]);
  return error instanceof Error ? error.message : '';
}

const text = (name: string) => readFile(join(out, name), 'utf8');

describe('what tar makes', () => {
  test.each([
    ['ustar', []],
    ['pax', []],
    ['gnu', []],
    ['v7', []],
    ['pax', ['-z']],
  ])('in the format %s %j is unpacked as it was', async (format, more) => {
    const source = join(folder, 'source');
    // More than a header has room for; v7 has not.
    const long = format === 'v7' ? 'short' : `${'folder-with-a-name/'.repeat(5)}${'x'.repeat(90)}`;
    mkdirSync(join(source, long), { recursive: true });
    mkdirSync(join(source, 'empty'));
    writeFileSync(join(source, long, 'deep.txt'), 'deep');
    writeFileSync(join(source, 'große Datei'), Buffer.alloc(100_000, 'x'));
    writeFileSync(join(source, 'none'), '');
    symlinkSync('none', join(source, 'link'));
    execFileSync('ln', [join(source, 'none'), join(source, 'other-name')]);
    const archive = join(folder, 'made.tar');
    execFileSync('tar', ['-c', `--format=${format}`, ...more, '-f', archive, '-C', source, '.']);
    const bytes = await readFile(archive);
    await rm(source, { recursive: true });
    await rm(archive);
    await unpack(bytes);
    expect((await readdir(out)).sort()).toEqual(
      ['empty', 'große Datei', 'link', 'none', 'other-name', long.split('/')[0]].sort(),
    );
    expect(await text(join(long, 'deep.txt'))).toBe('deep');
    expect((await text('große Datei')).length).toBe(100_000);
    expect(await readlink(join(out, 'link'))).toBe('none');
    // A copy: permissions are set file by file, and a file of two names would get those of both.
    expect((await lstat(join(out, 'other-name'))).nlink).toBe(1);
  });
});

test('an archive without the blocks that end it is whole', async () => {
  await unpack(makeTar([{ name: 'a', data: 'one' }]).subarray(0, 1024));
  expect(await text('a')).toBe('one');
});

test('what follows the end is not looked at', async () => {
  await unpack(Buffer.concat([makeTar([{ name: 'a', data: 'one' }]), Buffer.alloc(5000, 'x')]));
  expect(await readdir(out)).toEqual(['a']);
});

describe('is refused, leaving nothing:', () => {
  test.each<[string, readonly TestTarEntry[], string]>([
    ['a way up', [{ name: '../x', data: 'x' }], 'outside'],
    ['a way up in the middle', [{ name: 'a/../../x', data: 'x' }], 'outside'],
    ['an absolute name', [{ name: '/tmp/x', data: 'x' }], 'outside'],
    ['a backslash', [{ name: '..\\x', data: 'x' }], 'outside'],
    [
      'a long name that leads up',
      [
        { name: 'x', flag: 'L', data: '../../x\0' },
        { name: 'y', data: 'x' },
      ],
      'outside',
    ],
    [
      'an attribute that leads up',
      [
        { name: 'x', flag: 'x', data: '13 path=../x\n' },
        { name: 'y', data: 'x' },
      ],
      'outside',
    ],
    ['a link out', [{ name: 'a', flag: '2', target: '../x' }], 'leads out'],
    ['an absolute link', [{ name: 'a', flag: '2', target: '/etc/passwd' }], 'leads out'],
    ['a link to itself', [{ name: 'a', flag: '2', target: 'a' }], 'leads out'],
    [
      'a file behind a link',
      [
        { name: 'a', flag: '2', target: 'b' },
        { name: 'b', flag: '5' },
        { name: 'a/x', data: 'x' },
      ],
      'behind a link',
    ],
    [
      'a file before the link it lies behind',
      [
        { name: 'a/x', data: 'x' },
        { name: 'a', flag: '2', target: 'b' },
      ],
      'behind a link',
    ],
    ['a hard link out', [{ name: 'a', flag: '1', target: '../x' }], 'outside'],
    ['a hard link to nothing', [{ name: 'a', flag: '1', target: 'x' }], 'no file before it'],
    ['a character device', [{ name: 'a', flag: '3' }], 'a device'],
    ['a block device', [{ name: 'a', flag: '4' }], 'a device'],
    ['a FIFO', [{ name: 'a', flag: '6' }], 'a device'],
    ['a sparse file', [{ name: 'a', flag: 'S' }], 'sparse'],
    [
      'a name given twice',
      [
        { name: 'a', data: '1' },
        { name: './a', data: '2' },
      ],
      'twice',
    ],
    [
      'a file where a folder is',
      [
        { name: 'a', data: '1' },
        { name: 'a/b', data: '2' },
      ],
      'cannot be unpacked',
    ],
    ['a wrong checksum', [{ name: 'a', data: '1', wrongChecksum: true }], 'checksum'],
    ['an attribute without end', [{ name: 'x', flag: 'x', data: '99 path=x\n' }, { name: 'y' }], 'damaged'],
    ['a name of megabytes', [{ name: 'x', flag: 'L', data: Buffer.alloc(1_000_000, 'x') }, { name: 'y' }], 'too long'],
    [
      'more bytes than the limit',
      [
        { name: 'a', data: Buffer.alloc(600_000) },
        { name: 'b', data: Buffer.alloc(600_000) },
      ],
      'more than 1000000 bytes',
    ],
    [
      'copies that are more than the limit',
      [
        { name: 'a', data: Buffer.alloc(600_000) },
        { name: 'b', flag: '1', target: 'a' },
      ],
      'more than 1000000 bytes',
    ],
  ])('%s', async (_title, entries, message) => {
    expect(await refusal(makeTar(entries))).toContain(message);
    expect(await refusal(gzipSync(makeTar(entries)))).toContain(message);
  });

  test('more entries than the limit', async () => {
    const many = Array.from({ length: 101 }, (_value, index) => ({ name: `f${index}` }));
    expect(await refusal(makeTar(many))).toContain('more than 100 entries');
  });

  test('a bomb: megabytes of zeros in a few kilobytes are not written, nor read to their end', async () => {
    const bomb = gzipSync(makeTar([{ name: 'a', data: Buffer.alloc(50_000_000) }]));
    expect(bomb.length).toBeLessThan(100_000);
    expect(await refusal(bomb)).toContain('more than 1000000 bytes');
  });

  test('an archive that is cut off, compressed or not', async () => {
    const whole = makeTar([{ name: 'a', data: Buffer.alloc(5_000, 'x') }]);
    expect(await refusal(whole.subarray(0, 2_000))).toContain('too early');
    const zipped = gzipSync(whole);
    await refusal(zipped.subarray(0, zipped.length - 20));
  });

  test('what is no archive', async () => {
    await refusal(Buffer.from('hello'));
    await refusal(Buffer.alloc(2_000, 'x'));
    await refusal(gzipSync('hello'));
  });

  test('a drive or a stream of a file, and links, on Windows', async () => {
    expect(await refusal(makeTar([{ name: 'a:b', data: 'x' }]), { windows: true })).toContain('outside');
    expect(await refusal(makeTar([{ name: 'a', flag: '2', target: 'b' }]), { windows: true })).toContain('a link');
  });
});

test('ends with the reason of an abort, leaving nothing', async () => {
  const abort = new AbortController();
  abort.abort(new Error('cancelled'));
  await expect(unpack(makeTar([{ name: 'a', data: 'x' }]), {}, abort.signal)).rejects.toThrow('cancelled');
  expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([]);
});

test('any bytes are an archive or a fault', async () => {
  const good = makeTar([
    { name: 'd/', flag: '5' },
    { name: 'd/a', data: 'one' },
    { name: 'l', flag: '2', target: 'd/a' },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), async (at, byte) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      const failure: unknown = await unpack(bytes).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure !== undefined) expect(failure).toMatchObject({ code: 'IO_UNZIP_ERROR' });
      await rm(join(folder, 'out'), { recursive: true, force: true });
    }),
    { numRuns: 60 },
  );
});
