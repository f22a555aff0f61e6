import { chmodSync, linkSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { platformAttributes } from './attributes.ts';
import { permissionMode, setModes, setOwners } from './files.ts';
import { LineSplitter } from './lines.ts';
import { parseStat } from './processes.ts';
import { resolveUser } from './users.ts';

describe('lines', () => {
  const split = (...chunks: (string | Uint8Array)[]) => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    splitter.end();
    return lines;
  };

  test('end at LF, CR or both, are trimmed, and blank ones are dropped', () => {
    expect(split('a\nb\r\n\r\n  c  \rd', 'e\n\n', 'last')).toEqual(['a', 'b', 'c', 'de', 'last']);
  });

  test('a character that arrives in two pieces is one', () => {
    const bytes = Buffer.from('grün 😀\n');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(split(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(['grün 😀']);
    }
  });

  test('bytes that are not UTF-8 are replaced', () => {
    expect(split(Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0xe2))).toEqual(['a\ufffdb', '\ufffd']);
  });

  test('a line without an end is passed on in pieces, and no character is cut in two', () => {
    const text = `x${'😀'.repeat(100_000)}`;
    const lines = split(...(text.match(/.{1,5000}/gsu) ?? []));
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.join('') === text).toBe(true);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(64 * 1024);
  });
});

describe('processes', () => {
  test('a name with blanks and parentheses does not confuse the fields', () => {
    const rest = Array.from({ length: 40 }, (_, i) => String(100 + i)).join(' ');
    expect(parseStat(`42 (a) b (c)) S 7 8 9 ${rest}`)).toEqual({
      pid: 42,
      parent: 7,
      group: 8,
      session: 9,
      startTime: '115',
    });
  });

  test.each(['42 (x) Z 7 8 9 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16', '', 'junk'])(
    '%j is no living process',
    (stat) => {
      expect(parseStat(stat)).toBeUndefined();
    },
  );
});

describe('attributes', () => {
  test.each([
    ['linux', 'x64', 'x86_64', { os: 'linux', architecture: 'amd64' }],
    ['darwin', 'arm64', 'arm64', { os: 'darwin', architecture: 'aarch64' }],
    ['linux', 'arm', 'armv7l', { os: 'linux', architecture: 'arm', 'architecture.detail': 'armv7l' }],
    ['linux', 'arm64', 'aarch64', { os: 'linux', architecture: 'aarch64' }],
    ['linux', 'ia32', 'i686', { os: 'linux', architecture: 'x86' }],
    ['linux', 'riscv64', 'riscv64', { os: 'linux', architecture: 'unknown' }],
  ])('of %s on %s (%s)', (os, architecture, machine, attributes) => {
    expect(platformAttributes(os, architecture, machine)).toEqual(attributes);
  });
});

describe('files', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  test.each([
    ['OWNER', 'NONE', 0o440],
    ['OWNER', 'OWNER', 0o550],
    ['ALL', 'NONE', 0o444],
    ['ALL', 'OWNER', 0o554],
    ['ALL', 'ALL', 0o555],
    ['OWNER', 'ALL', 0o555],
    ['NONE', 'ALL', 0o555],
    ['NONE', 'NONE', 0o400],
    ['NONE', 'OWNER', 0o550],
  ] as const)('read %s and execute %s are mode %o', (read, execute, mode) => {
    expect(permissionMode({ read, execute }, false)).toBe(mode);
    expect(permissionMode({ read, execute }, true)).toBe(mode | 0o200);
  });

  test('case 59: modes are set below a folder, and links are not followed', async () => {
    const outside = join(folder.path, 'outside');
    const inside = join(folder.path, 'inside');
    mkdirSync(join(inside, 'deep'), { recursive: true });
    writeFileSync(outside, '');
    chmodSync(outside, 0o600);
    writeFileSync(join(inside, 'deep', 'file'), '');
    symlinkSync(outside, join(inside, 'link'));
    await setModes(inside, 0o444);
    const mode = (path: string) => statSync(path).mode & 0o777;
    expect(mode(join(inside, 'deep'))).toBe(0o755);
    expect(mode(join(inside, 'deep', 'file'))).toBe(0o444);
    expect(mode(outside)).toBe(0o600);
  });

  test.runIf(process.getuid?.() === 0)('an owner is given to links themselves, not to what they point to', async () => {
    const outside = join(folder.path, 'outside');
    const inside = join(folder.path, 'inside');
    mkdirSync(inside);
    writeFileSync(outside, '');
    symlinkSync(outside, join(inside, 'link'));
    await setOwners(inside, 1234, 4321, true);
    expect(lstatSync(join(inside, 'link'))).toMatchObject({ uid: 1234, gid: 4321 });
    expect(statSync(inside).uid).toBe(1234);
    expect(statSync(outside).uid).toBe(0);
  });

  test.runIf(process.getuid?.() === 0)('of contents only the folder itself keeps its owner', async () => {
    mkdirSync(join(folder.path, 'inside', 'deep'), { recursive: true });
    writeFileSync(join(folder.path, 'inside', 'deep', 'file'), '');
    await setOwners(join(folder.path, 'inside'), 1234, 4321, false);
    const owner = (name: string) => statSync(join(folder.path, name)).uid;
    expect(['inside', 'inside/deep', 'inside/deep/file'].map(owner)).toEqual([0, 1234, 1234]);
  });

  test.runIf(process.getuid?.() === 0)('a second name of a file somewhere else is no way to that file', async () => {
    const outside = join(folder.path, 'secret');
    const inside = join(folder.path, 'inside');
    mkdirSync(inside);
    writeFileSync(outside, '', { mode: 0o600 });
    linkSync(outside, join(inside, 'name'));
    await setOwners(inside, 1234, 4321, true);
    await setModes(inside, 0o444);
    expect(statSync(outside)).toMatchObject({ uid: 0, mode: 0o100600 });
  });
});

describe('users', () => {
  test('case 51: are found by name and number, with their primary group or the given one', async () => {
    await expect(resolveUser('root')).resolves.toMatchObject({ uid: 0, gid: 0, name: 'root' });
    await expect(resolveUser('root:')).resolves.toMatchObject({ uid: 0, gid: 0 });
    await expect(resolveUser('0')).resolves.toMatchObject({ uid: 0, gid: 0, name: 'root' });
    await expect(resolveUser('root:4242')).resolves.toMatchObject({ uid: 0, gid: 4242 });
  });

  test('case 51: two numbers need no entry, and are in no other group', async () => {
    await expect(resolveUser('54321:54322')).resolves.toEqual({ uid: 54321, gid: 54322, moreGroups: false });
  });

  test.each(['no-such-user', 'no-such-user:root', '54321', ':root', '', '-x', 'root:no-such-group', '99999999999:1'])(
    '%j is unknown, and the error names it',
    async (user) => {
      await expect(resolveUser(user)).rejects.toMatchObject({ code: 'USER_UNKNOWN', context: { user } });
    },
  );
});
