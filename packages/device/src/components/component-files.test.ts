import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Fault, type Ids, silentLog, type Timers } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createComponentFiles } from './component-files.ts';
import { onlyFiles } from './testing/only-files.ts';
import { makeTar } from './testing/tar.ts';
import { makeZip } from './testing/zip.ts';

const arn = 'arn:aws:greengrass:us-east-1:000000000000:components:com.example.A:versions:1.0.0';
const never = new AbortController().signal;
const ids: Ids = { uuid: () => 'id', random: (bytes) => new Uint8Array(bytes) };

interface TestArtifact {
  readonly name: string;
  readonly bytes: Buffer;
  readonly extra?: Record<string, unknown>;
}

let root: string;
let served: Map<string, Buffer>;
/** What happens to the next downloads, first to last; then all is well. */
let script: ((bytes: Buffer) => AsyncIterable<Uint8Array>)[];
let downloads: { readonly name: string; readonly start: number }[];
let permissions: { readonly path: string; readonly read: string }[];
let waits: number[];
let free: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'greensward-components-'));
  served = new Map();
  script = [];
  downloads = [];
  permissions = [];
  waits = [];
  free = 1_000_000_000;
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function* whole(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 4) yield bytes.subarray(at, at + 4);
}

function files(options: { retryLimitMs?: number; unpackBytes?: number; maxStoreBytes?: number } = {}) {
  let now = 0;
  const timers: Timers = {
    after(ms, task) {
      waits.push(ms);
      now += ms;
      queueMicrotask(task);
      return () => {};
    },
    monotonic: () => now,
  };
  return createComponentFiles({
    ...onlyFiles,
    root,
    dataPlane: {
      artifactUrl: async (_arn, name) => `https://h/${name}`,
      size: async (url) => bytesOf(url).length,
      download: async (url, start) => {
        downloads.push({ name: url.slice('https://h/'.length), start });
        return (script.shift() ?? whole)(bytesOf(url).subarray(start));
      },
    },
    platform: {
      attributes: () => ({ os: 'linux', architecture: 'amd64' }),
      setPermission: async (path, permission) => {
        permissions.push({ path, read: permission.read });
      },
      freeSpace: async () => free,
      findExecutable: () => undefined,
    },
    objects: {
      size: async (_bucket, key) => bytesOf(`https://h/${key}`).length,
      download: async (bucket, key, start) => {
        downloads.push({ name: `s3 ${bucket} ${key}`, start });
        return (script.shift() ?? whole)(bytesOf(`https://h/${key}`).subarray(start));
      },
    },
    maxStoreBytes: () => options.maxStoreBytes ?? 10_000_000_000,
    log: silentLog,
    timers,
    ids,
    ...(options.retryLimitMs === undefined ? {} : { retryLimitMs: options.retryLimitMs }),
    ...(options.unpackBytes === undefined ? {} : { unpackLimits: { entries: 10, bytes: options.unpackBytes } }),
  });
}

function bytesOf(url: string): Buffer {
  const bytes = served.get(url.slice('https://h/'.length));
  if (bytes === undefined) throw new Fault('RESOURCE_NOT_FOUND', 'no such artifact');
  return bytes;
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64');

function recipeOf(artifacts: readonly TestArtifact[], version = '1.0.0', name = 'com.example.A'): Recipe {
  for (const { name: artifact, bytes } of artifacts) served.set(artifact, bytes);
  return parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: version,
      Manifests: [
        { Platform: { os: 'windows' }, Artifacts: [{ Uri: 'greengrass:windows.exe' }] },
        {
          Platform: { os: 'linux' },
          Artifacts: artifacts.map((artifact) => ({
            Uri: `greengrass:${artifact.name}`,
            Digest: digestOf(artifact.bytes),
            Algorithm: 'SHA-256',
            ...artifact.extra,
          })),
        },
      ],
    }),
  );
}

/** A recipe with these artifacts and no other. */
function recipeWith(artifacts: readonly Record<string, unknown>[], version = '1.0.0'): Recipe {
  return parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'com.example.A',
      ComponentVersion: version,
      Manifests: [{ Artifacts: artifacts }],
    }),
    { localFiles: true },
  );
}

const text = (content: string) => Buffer.from(content);
const at = (...path: string[]) => join(root, 'packages', ...path);
const artifactFile = (file: string) => readFile(at('artifacts', 'com.example.A', '1.0.0', file), 'utf8');
const fail = (retryable: boolean) => () => {
  throw new Fault('NETWORK_ERROR', 'broken', { retryable });
};

describe('recipes', () => {
  test('are kept under the hash of the name, with their ARN, and read back', async () => {
    const recipe = recipeOf([{ name: 'x', bytes: text('x') }]);
    const store = files();
    expect(await store.recipe('com.example.A', '1.0.0')).toBeUndefined();
    await store.putRecipe(recipe, arn);
    await store.putRecipe(recipeOf([], '1.1.0'), arn);
    await store.putRecipe(recipeOf([], '1.0.0', 'com.example.B'), arn);
    expect(await files().recipe('com.example.A', '1.0.0')).toEqual({ recipe, arn });
    expect([...(await store.versions('com.example.A'))].sort()).toEqual(['1.0.0', '1.1.0']);
    const stem = `${createHash('sha256').update('com.example.A').digest('base64url')}@1.0.0`;
    expect(await readdir(at('recipes'))).toEqual(
      expect.arrayContaining([`${stem}.recipe.json`, `${stem}.metadata.json`]),
    );
  });

  test('that are damaged, or without metadata, are faults that name the file', async () => {
    const store = files();
    await store.putRecipe(recipeOf([]), arn);
    const stem = at('recipes', `${createHash('sha256').update('com.example.A').digest('base64url')}@1.0.0`);
    await rm(`${stem}.metadata.json`);
    await expect(store.recipe('com.example.A', '1.0.0')).rejects.toMatchObject({
      code: 'LOCAL_RECIPE_METADATA_NOT_FOUND',
    });
    await writeFile(`${stem}.recipe.json`, '{');
    await expect(store.recipe('com.example.A', '1.0.0')).rejects.toMatchObject({
      code: 'LOCAL_RECIPE_CORRUPTED',
      message: expect.stringContaining(stem),
    });
  });

  test('of names that could leave the folder are refused', async () => {
    const store = files();
    for (const name of ['..', '.', 'a/b', '', 'a'.repeat(129)]) {
      expect(() => store.paths(name, '1.0.0')).toThrow(Fault);
    }
    for (const version of ['..', '1.0', '1.0.0/../..', '']) expect(() => store.paths('a', version)).toThrow(Fault);
  });
});

describe('artifacts', () => {
  test('of the manifest that fits are loaded, given their permission, and the work folder is made', async () => {
    const one = { name: 'dir/one.py', bytes: text('print(1)') };
    const recipe = recipeOf([one, { name: 'two', bytes: text(''), extra: { Permission: { Read: 'ALL' } } }]);
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(await artifactFile('one.py')).toBe('print(1)');
    expect(await artifactFile('two')).toBe('');
    expect(permissions.map(({ path, read }) => [path.split('/').at(-1), read])).toEqual([
      ['one.py', 'OWNER'],
      ['two', 'ALL'],
    ]);
    expect((await stat(join(root, 'work', 'com.example.A'))).mode & 0o777).toBe(0o700);
    expect(await readdir(at('unfinished', 'com.example.A'))).toEqual([]);
  });

  test('case 88: that are there and right are kept, a wrong one is loaded again', async () => {
    const recipe = recipeOf([
      { name: 'a', bytes: text('right') },
      { name: 'b', bytes: text('other') },
    ]);
    await files().fetchArtifacts([{ recipe, arn }], never);
    await writeFile(at('artifacts', 'com.example.A', '1.0.0', 'b'), 'wrong');
    downloads.length = 0;
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(downloads).toEqual([{ name: 'b', start: 0 }]);
    expect(await artifactFile('b')).toBe('other');
  });

  test('case 88: are continued where they broke off, in this process and in a later one', async () => {
    const recipe = recipeOf([{ name: 'a', bytes: text('0123456789') }]);
    async function* broken(bytes: Buffer): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 4);
      throw new Fault('NETWORK_ERROR', 'broken', { retryable: true });
    }
    async function* fatal(bytes: Buffer): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 2);
      throw new Fault('DOWNLOAD_GREENGRASS_ARTIFACT_ERROR', 'HTTP 403');
    }
    script = [broken, fatal];
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({ message: 'HTTP 403' });
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(downloads.map(({ start }) => start)).toEqual([0, 4, 6]);
    expect(await artifactFile('a')).toBe('0123456789');
  });

  test('that end too early are continued; those that do not end are loaded anew', async () => {
    const recipe = recipeOf([{ name: 'a', bytes: text('0123456789') }]);
    script = [(bytes) => whole(bytes.subarray(0, 3)), (bytes) => whole(Buffer.concat([bytes, bytes])), whole];
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(downloads.map(({ start }) => start)).toEqual([0, 3, 0]);
    expect(await artifactFile('a')).toBe('0123456789');
  });

  test('case 88: with a wrong digest are loaded three times, then it is a fault and nothing stays', async () => {
    const recipe = recipeOf([{ name: 'a', bytes: text('0123456789') }]);
    served.set('a', text('9876543210'));
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'ARTIFACT_CHECKSUM_MISMATCH',
    });
    expect(downloads.length).toBe(3);
    expect(await readdir(at('artifacts', 'com.example.A', '1.0.0'))).toEqual([]);
  });

  test('are tried again with growing waits until the limit', async () => {
    const recipe = recipeOf([{ name: 'a', bytes: text('x') }]);
    script = Array.from({ length: 100 }, () => fail(true));
    await expect(files({ retryLimitMs: 60_000 }).fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'NETWORK_ERROR',
    });
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000]);
  });

  test('case 109: stop when the signal aborts', async () => {
    const abort = new AbortController();
    script = [
      (bytes) => {
        abort.abort(new Error('cancelled'));
        return whole(bytes);
      },
    ];
    const recipe = recipeOf([{ name: 'a', bytes: text('x') }]);
    await expect(files().fetchArtifacts([{ recipe, arn }], abort.signal)).rejects.toThrow('cancelled');
  });

  test('are not begun when they would leave less than 20 MiB free; what is there already does not count', async () => {
    const recipe = recipeOf([{ name: 'a', bytes: Buffer.alloc(100) }]);
    free = 20 * 1024 * 1024 + 99;
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'DISK_SPACE_CRITICAL',
    });
    expect(downloads).toEqual([]);
    await mkdir(at('unfinished', 'com.example.A', '1.0.0', 'files'), { recursive: true });
    await writeFile(at('unfinished', 'com.example.A', '1.0.0', 'files', 'a'), Buffer.alloc(1));
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(downloads).toEqual([{ name: 'a', start: 1 }]);
  });

  test('case 87: of a whole deployment are not begun when together they do not fit, on the disk or in the store', async () => {
    const one = { recipe: recipeOf([{ name: 'a', bytes: Buffer.alloc(60) }]), arn };
    const two = { recipe: recipeOf([{ name: 'b', bytes: Buffer.alloc(60) }], '1.0.0', 'com.example.B'), arn };
    free = 20 * 1024 * 1024 + 119;
    await expect(files().fetchArtifacts([one, two], never)).rejects.toMatchObject({ code: 'DISK_SPACE_CRITICAL' });
    free = 1_000_000_000;
    await expect(files({ maxStoreBytes: 119 }).fetchArtifacts([one, two], never)).rejects.toMatchObject({
      code: 'DISK_SPACE_CRITICAL',
      message: 'Component store size limit reached: 120 bytes to load, 0 there, 119 allowed',
    });
    expect(downloads).toEqual([]);
    await files({ maxStoreBytes: 120 }).fetchArtifacts([one, two], never);
    expect(downloads.length).toBe(2);
    // What is there is counted, and is no reason to fail while nothing more is to be loaded.
    await files({ maxStoreBytes: 1 }).fetchArtifacts([one, two], never);
    const three = { recipe: recipeOf([{ name: 'c', bytes: Buffer.alloc(1) }], '1.0.0', 'com.example.C'), arn };
    await expect(files({ maxStoreBytes: 120 }).fetchArtifacts([three], never)).rejects.toThrow('120 there');
  });

  test('of several components are loaded at once', async () => {
    let running = 0;
    const all = Promise.withResolvers<void>();
    // Each ends only when all of them have begun.
    async function* slow(bytes: Buffer): AsyncGenerator<Uint8Array> {
      running += 1;
      if (running === 4) all.resolve();
      await all.promise;
      yield bytes;
    }
    const names = ['A', 'B', 'C', 'D'];
    script = names.map(() => slow);
    const sources = names.map((name) => ({
      recipe: recipeOf([{ name: `file-${name}`, bytes: text(name) }], '1.0.0', `com.example.${name}`),
      arn,
    }));
    await files().fetchArtifacts(sources, never);
    expect(downloads.length).toBe(4);
  });

  test('come from S3, and from https: with the digest of the recipe', async () => {
    served.set('dir/key.bin', text('object'));
    served.set('tool', text('program'));
    const artifact = (Uri: string, content: string) => ({ Uri, Digest: digestOf(text(content)), Algorithm: 'SHA-256' });
    const recipe = recipeWith([artifact('s3://bucket/dir/key.bin', 'object'), artifact('https://h/tool', 'program')]);
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(await artifactFile('key.bin')).toBe('object');
    expect(await artifactFile('tool')).toBe('program');
    expect(downloads.map(({ name }) => name).sort()).toEqual(['s3 bucket dir/key.bin', 'tool']);
    served.set('tool', text('another'));
    await rm(at('artifacts'), { recursive: true });
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'ARTIFACT_CHECKSUM_MISMATCH',
    });
  });

  test('case 88: without a digest are used as they are where they are, and are a fault where they are not', async () => {
    const recipe = recipeWith([{ Uri: 's3://bucket/by-hand' }]);
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM',
    });
    await writeFile(at('artifacts', 'com.example.A', '1.0.0', 'by-hand'), 'mine');
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(await artifactFile('by-hand')).toBe('mine');
  });

  test('that fill up the disk on their way are given up, with what had come of them', async () => {
    const bytes = text('0123456789');
    const device = files();
    await mkdir(at('unfinished', 'com.example.A', '1.0.0', 'files'), { recursive: true });
    const part = at('unfinished', 'com.example.A', '1.0.0', 'files', 'big.bin');
    await symlink('/dev/full', part);
    const fetched = device.fetchArtifacts([{ recipe: recipeOf([{ name: 'big.bin', bytes }]), arn }], never);
    await expect(fetched).rejects.toMatchObject({ code: 'DISK_SPACE_CRITICAL' });
    expect(await readdir(dirname(part))).toEqual([]);
  });

  test('of a recipe without a manifest for this platform are a fault', async () => {
    const recipe = { ...recipeOf([]), manifests: recipeOf([]).manifests.slice(0, 1) };
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'LOCAL_RECIPE_NOT_FOUND',
    });
  });

  test('one that fails ends the others', async () => {
    const many = Array.from({ length: 12 }, (_value, index) => ({ name: `f${index}`, bytes: text(`${index}`) }));
    const recipe = recipeOf(many);
    script = [fail(false)];
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({ message: 'broken' });
    expect(downloads.length).toBeLessThanOrEqual(4);
  });
});

describe('archives', () => {
  const extra = { Unarchive: 'ZIP', Permission: { Read: 'ALL' } };
  const zip = (content: string) => makeZip([{ name: 'in/x', data: content }]);
  const unpacked = () => readFile(at('artifacts-unarchived', 'com.example.A', '1.0.0', 'models.v2', 'in', 'x'), 'utf8');

  test('are unpacked beside the artifact, which stays, and made anew when it changes', async () => {
    await files().fetchArtifacts(
      [{ recipe: recipeOf([{ name: 'models.v2.zip', bytes: zip('one'), extra }]), arn }],
      never,
    );
    expect(await unpacked()).toBe('one');
    expect(await readdir(at('artifacts', 'com.example.A', '1.0.0'))).toEqual(['models.v2.zip']);
    expect(permissions.map(({ read }) => read)).toEqual(['ALL', 'ALL']);
    await files().fetchArtifacts(
      [{ recipe: recipeOf([{ name: 'models.v2.zip', bytes: zip('two'), extra }]), arn }],
      never,
    );
    expect(await unpacked()).toBe('two');
  });

  test('of TAR are unpacked as those of ZIP are', async () => {
    const bytes = makeTar([{ name: 'in/x', data: 'tar' }]);
    const recipe = recipeOf([{ name: 'models.v2.tar', bytes, extra: { Unarchive: 'TAR' } }]);
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(await unpacked()).toBe('tar');
  });

  test('may not unpack to more than the limit of the store', async () => {
    const bytes = zip('x'.repeat(2000));
    const recipe = recipeOf([{ name: 'a.zip', bytes, extra }]);
    const fetched = files({ maxStoreBytes: bytes.length + 1999 }).fetchArtifacts([{ recipe, arn }], never);
    await expect(fetched).rejects.toMatchObject({ code: 'IO_UNZIP_ERROR' });
    await files({ maxStoreBytes: bytes.length + 2000 }).fetchArtifacts([{ recipe, arn }], never);
  });

  test('that were loaded but not unpacked before a crash are unpacked now', async () => {
    const recipe = recipeOf([{ name: 'models.v2.zip', bytes: zip('one'), extra }]);
    await files().fetchArtifacts([{ recipe, arn }], never);
    await rm(at('artifacts-unarchived'), { recursive: true });
    await mkdir(at('unfinished', 'com.example.A', '1.0.0', 'unpacked', 'models.v2', 'half'), { recursive: true });
    downloads.length = 0;
    await files().fetchArtifacts([{ recipe, arn }], never);
    expect(downloads).toEqual([]);
    expect(await unpacked()).toBe('one');
    expect(await readdir(at('artifacts-unarchived', 'com.example.A', '1.0.0', 'models.v2'))).toEqual(['in']);
  });

  test('that are larger unpacked than the limit, or than the free space, are refused', async () => {
    const recipe = recipeOf([{ name: 'a.zip', bytes: zip('x'.repeat(2000)), extra }]);
    await expect(files({ unpackBytes: 1999 }).fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({
      code: 'IO_UNZIP_ERROR',
    });
    free = 20 * 1024 * 1024 + 1999;
    await expect(files().fetchArtifacts([{ recipe, arn }], never)).rejects.toMatchObject({ code: 'IO_UNZIP_ERROR' });
  });
});

describe('artifacts of a local deployment', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(root, 'artifacts-of-mine');
    await mkdir(join(folder, 'com.example.A', '1.0.0'), { recursive: true });
    await writeFile(join(folder, 'com.example.A', '1.0.0', 'run.py'), 'print(1)');
    await writeFile(join(folder, 'loose.txt'), 'loose');
    await writeFile(join(root, 'secret'), 'secret');
  });
  const take = async (...artifacts: Record<string, unknown>[]) => {
    const recipe = recipeWith(artifacts);
    await files().importArtifacts(recipe, folder, never);
    await files().fetchArtifacts([{ recipe, arn: '' }], never);
  };

  test('are taken from <name>/<version>, or from where a file: URI says', async () => {
    await take({ Uri: 's3://BUCKET_NAME/COMPONENT/run.py' }, { Uri: 'file:loose.txt' });
    expect(await artifactFile('run.py')).toBe('print(1)');
    expect(await artifactFile('loose.txt')).toBe('loose');
    await take({ Uri: `file://${folder}/loose.txt`, Permission: { Read: 'ALL' } });
    expect(permissions.at(-1)).toMatchObject({ read: 'ALL' });
    expect(downloads).toEqual([]);
  });

  test('replace those of before, with what was unpacked of them', async () => {
    const unpacked = () => readFile(at('artifacts-unarchived', 'com.example.A', '1.0.0', 'a', 'x'), 'utf8');
    for (const content of ['one', 'two']) {
      await writeFile(join(folder, 'a.zip'), makeZip([{ name: 'x', data: content }]));
      await take({ Uri: 'file:a.zip', Unarchive: 'ZIP' });
      expect(await unpacked()).toBe(content);
    }
  });

  test('another URI than file: that the folder does not have is loaded', async () => {
    served.set('tool', text('program'));
    await take({ Uri: 'https://h/tool', Digest: digestOf(text('program')), Algorithm: 'SHA-256' });
    expect(await artifactFile('tool')).toBe('program');
  });

  test.each([
    ['a way up', '../secret'],
    ['a way up in the middle', 'com.example.A/../../secret'],
    ['an escaped way up', '%2e%2e/secret'],
    ['a way up to what is not there', '../nothing'],
    ['an absolute path', '/etc/passwd'],
    ['a link out', 'link'],
    ['a folder that is a link out', 'out/secret'],
    ['a folder', 'com.example.A'],
    ['nothing', 'nothing'],
  ])('%s is refused, and nothing is taken', async (_what, path) => {
    await symlink('../secret', join(folder, 'link'));
    await symlink('..', join(folder, 'out'));
    await expect(take({ Uri: `file:${path}` })).rejects.toMatchObject({ code: 'ARTIFACT_URI_NOT_VALID' });
    expect(await readdir(at('artifacts', 'com.example.A', '1.0.0')).catch(() => [])).toEqual([]);
  });

  test('a file: URI without an import is refused', async () => {
    const recipe = recipeWith([{ Uri: 'file:loose.txt' }]);
    await expect(files().fetchArtifacts([{ recipe, arn: '' }], never)).rejects.toMatchObject({
      code: 'ARTIFACT_URI_NOT_VALID',
    });
  });
});

test('pruning keeps what it is told to keep and deletes all else, but no work folder', async () => {
  const store = files();
  for (const [name, version] of [
    ['com.example.A', '1.0.0'],
    ['com.example.A', '2.0.0'],
    ['com.example.B', '1.0.0'],
  ] as const) {
    const recipe = recipeOf([{ name: 'a.zip', bytes: makeZip([]), extra: { Unarchive: 'ZIP' } }], version, name);
    await store.putRecipe(recipe, arn);
    await store.fetchArtifacts([{ recipe, arn }], never);
  }
  await store.prune(new Set(['com.example.A@2.0.0', 'com.example.C@1.0.0']));
  expect(await readdir(at('artifacts'))).toEqual(['com.example.A']);
  expect(await readdir(at('artifacts', 'com.example.A'))).toEqual(['2.0.0']);
  expect(await readdir(at('artifacts-unarchived', 'com.example.A'))).toEqual(['2.0.0']);
  expect(await store.versions('com.example.A')).toEqual(['2.0.0']);
  expect(await store.versions('com.example.B')).toEqual([]);
  expect((await readdir(join(root, 'work'))).sort()).toEqual(['com.example.A', 'com.example.B']);
  await rm(root, { recursive: true });
  await store.prune(new Set());
});
