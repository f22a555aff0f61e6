import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud();
  await cloud.app.objects.createBucket('bucket');
});
afterAll(() => cloud.close());

async function* bytes(text: string) {
  yield Buffer.from(text);
}
const put = (key: string, text: string) => cloud.app.objects.put({ bucket: 'bucket', key, body: bytes(text) });
const recipeOf = (name: string, version: string, manifests: object[] = [{ Lifecycle: { run: 'true' } }]) => ({
  RecipeFormatVersion: '2020-01-25',
  ComponentName: name,
  ComponentVersion: version,
  Manifests: manifests,
});
const create = (recipe: object | string, rest: object = {}) =>
  cloud.app.components.create({
    recipe: Buffer.from(typeof recipe === 'string' ? recipe : JSON.stringify(recipe)),
    ...rest,
  });
const of = (name: string, version = '1.0.0') => ({ name, version, isPublic: false });
const linux = { os: 'linux', architecture: 'amd64' };
const resolve = (
  name: string,
  requirements: Record<string, string>,
  attributes: Record<string, string> = linux,
  version?: string,
) => cloud.app.components.resolve({ attributes, candidates: [{ name, requirements, ...(version && { version }) }] });

describe('creating a component version', () => {
  test('digests of its artifacts are written into the recipe, whatever the author wrote; as JSON and as YAML', async () => {
    await put('hello.py', 'print("hello")');
    const artifact = { Uri: 's3://bucket/hello.py', Digest: 'nonsense', Algorithm: 'MD5' };
    await create(recipeOf('Hello', '1.0.0', [{ Platform: { os: 'linux' }, Artifacts: [artifact] }]));
    const yaml = await cloud.app.components.recipe(of('Hello'), 'YAML');
    expect(yaml.text).toContain('Algorithm: "SHA-256"');
    const json = await cloud.app.components.recipe(of('Hello'));
    expect(json.format).toBe('JSON');
    const digest = createHash('sha256').update('print("hello")').digest('base64');
    expect(JSON.parse(json.text).Manifests[0].Artifacts[0]).toMatchObject({
      Uri: 's3://bucket/hello.py',
      Algorithm: 'SHA-256',
      Digest: digest,
    });
    expect(yaml.text).toContain(digest);
  });

  test('an artifact that is not in the object store is refused with the documented words, and nothing is stored', async () => {
    const refused = create(recipeOf('Missing', '1.0.0', [{ Artifacts: [{ Uri: 's3://bucket/none.zip' }] }]));
    await expect(refused).rejects.toMatchObject({
      code: 'ValidationException',
      message:
        'Invalid Input: Encountered following errors in Artifacts: {s3://bucket/none.zip = Specified artifact resource cannot be accessed}',
    });
    expect(await cloud.app.components.versions(of('Missing'), { limit: 10 })).toEqual({ items: [] });
  });

  test('a greengrass: artifact cannot be uploaded; a docker: one is kept as it is', async () => {
    await expect(create(recipeOf('G', '1.0.0', [{ Artifacts: [{ Uri: 'greengrass:a.zip' }] }]))).rejects.toMatchObject({
      code: 'ValidationException',
    });
    const docker = await create(recipeOf('D', '1.0.0', [{ Artifacts: [{ Uri: 'docker:alpine:3' }] }]));
    expect(docker.artifacts).toEqual([]);
    expect(docker.recipe).toContain('docker:alpine:3');
  });

  test('an https: artifact is kept as it is, with its digest, for devices too; without one it is refused by its key', async () => {
    const artifact = { Uri: 'https://example.com/tool.tar.gz', Unarchive: 'TAR', Algorithm: 'SHA-256' };
    await expect(create(recipeOf('W', '1.0.0', [{ Artifacts: [artifact] }]))).rejects.toMatchObject({
      code: 'ValidationException',
      message: expect.stringContaining('Manifests[0].Artifacts[0].Digest'),
    });
    const Digest = createHash('sha256').update('').digest('base64');
    const made = await create(recipeOf('W', '1.0.0', [{ Artifacts: [{ ...artifact, Digest }] }]));
    expect(made.artifacts).toEqual([]);
    const [resolved] = await resolve('W', { root: '==1.0.0' });
    expect(JSON.parse(resolved?.recipe ?? '{}').Manifests[0].Artifacts[0]).toMatchObject({ ...artifact, Digest });
  });

  test('the same version again conflicts, with the documented words', async () => {
    await create(recipeOf('Twice', '1.0.0'));
    await expect(create(recipeOf('Twice', '1.0.0'))).rejects.toMatchObject({
      code: 'ConflictException',
      message: 'Component [Twice : 1.0.0] for account [000000000000] already exists with state: [DEPLOYABLE]',
    });
    await expect(create(recipeOf('Twice', '1.0.0'), { tags: { a: 'b' } })).rejects.toMatchObject({
      message: expect.stringContaining("can't be created again with tags"),
    });
  });

  test('one client token makes one version', async () => {
    const first = await create(recipeOf('Token', '1.0.0'), { clientToken: 'token' });
    expect(await create(recipeOf('Token', '1.0.0'), { clientToken: 'token' })).toEqual(first);
    await expect(create(recipeOf('Token', '1.0.1'), { clientToken: 'token' })).rejects.toMatchObject({
      code: 'ConflictException',
    });
  });

  test.each(['1.0', '1.0.0.0', 'v1.0.0', '1.0.1000000'])('the version %s is refused', async (version) => {
    await expect(create(recipeOf('V', version))).rejects.toMatchObject({ code: 'ValidationException' });
  });

  test('a recipe that is neither JSON nor YAML, not UTF-8, of another format or over 16 KiB is refused', async () => {
    await expect(create('{broken: [')).rejects.toMatchObject({
      code: 'ValidationException',
      context: { reason: 'CANNOT_PARSE' },
    });
    await expect(cloud.app.components.create({ recipe: new Uint8Array([0xff, 0xfe, 0x00]) })).rejects.toMatchObject({
      code: 'ValidationException',
    });
    await expect(create({ ...recipeOf('F', '1.0.0'), RecipeFormatVersion: '2021-01-01' })).rejects.toMatchObject({
      message: expect.stringContaining('RecipeFormatVersion'),
    });
    const long = recipeOf('L', '1.0.0', [{ Lifecycle: { run: 'x'.repeat(16_384) } }]);
    await expect(create(long)).rejects.toMatchObject({ code: 'ValidationException' });
  });
});

describe('reading component versions', () => {
  test('versions are listed highest first, a prerelease below its release, in pages', async () => {
    for (const version of ['1.9.0', '1.10.0', '1.10.0-rc.1']) await create(recipeOf('Many', version));
    const first = await cloud.app.components.versions(of('Many'), { limit: 2 });
    expect(first.items.map(({ version }) => version)).toEqual(['1.10.0', '1.10.0-rc.1']);
    const second = await cloud.app.components.versions(of('Many'), { limit: 2, after: first.next ?? '' });
    expect(second.items.map(({ version }) => version)).toEqual(['1.9.0']);
    expect(second.next).toBeUndefined();
    const { items } = await cloud.app.components.list({ limit: 100 });
    expect(items.find(({ name }) => name === 'Many')?.version).toBe('1.10.0');
  });

  test('a deleted version is gone, with its tags, and may be created again', async () => {
    await create(recipeOf('Gone', '1.0.0'), { tags: { k: 'v' } });
    expect((await cloud.app.components.describe(of('Gone'))).tags).toEqual({ k: 'v' });
    await cloud.app.components.delete(of('Gone'));
    await expect(cloud.app.components.describe(of('Gone'))).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
    await create(recipeOf('Gone', '1.0.0'));
    expect((await cloud.app.components.describe(of('Gone'))).tags).toEqual({});
  });

  test('an artifact outlives its object, and goes with the last version that names it', async () => {
    await put('kept.txt', 'kept content');
    const { artifacts } = await create(recipeOf('Keeper', '1.0.0', [{ Artifacts: [{ Uri: 's3://bucket/kept.txt' }] }]));
    await cloud.app.objects.delete('bucket', 'kept.txt');
    const url = new URL(await cloud.app.components.artifactUrl(of('Keeper'), artifacts[0]?.name ?? '', 'localhost'));
    expect(await cloud.app.objects.presigned(url.pathname, url.searchParams)).toMatchObject({ size: 12 });
    await cloud.app.components.delete(of('Keeper'));
    expect(await cloud.app.objects.presigned(url.pathname, url.searchParams)).toBeUndefined();
  });
});

describe('resolving candidates', () => {
  beforeAll(async () => {
    for (const version of ['1.0.0', '1.2.0', '2.0.0', '3.0.0-beta']) await create(recipeOf('R', version));
    await create(recipeOf('Win', '1.0.0', [{ Platform: { os: 'windows' } }]));
    await create(recipeOf('Pattern', '1.0.0', [{ Platform: { os: '*', architecture: '/(arm|aarch64)/' } }]));
  });

  test('all requirements hold at once: the highest version that meets them', async () => {
    const answer = await resolve('R', { 'thinggroup/x': '>=1.0.0 <2.0.0', A: '==1.2.0' });
    expect(answer.map(({ component }) => component.version)).toEqual(['1.2.0']);
    expect((await resolve('R', { A: '*' }))[0]?.component.version).toBe('2.0.0');
    expect((await resolve('R', { A: '>=3.0.0-alpha' }))[0]?.component.version).toBe('3.0.0-beta');
  });

  test('the version that the device has is preferred while it fits', async () => {
    expect((await resolve('R', { A: '>=1.0.0' }, linux, '1.0.0'))[0]?.component.version).toBe('1.0.0');
    expect((await resolve('R', { A: '>=1.1.0' }, linux, '1.0.0'))[0]?.component.version).toBe('2.0.0');
  });

  test('requirements that exclude each other have "no usable version"; an unknown component too', async () => {
    for (const answer of [resolve('R', { A: '<2.0.0', B: '>2.0.0' }), resolve('Nowhere', { A: '*' })]) {
      await expect(answer).rejects.toMatchObject({
        code: 'ResourceNotFoundException',
        message: expect.stringContaining('no usable version'),
      });
    }
  });

  test('a component for other platforms only does not "claim platform"', async () => {
    await expect(resolve('Win', { A: '*' })).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
      message: expect.stringContaining('claim platform'),
    });
  });

  test('platform attributes match by wildcard and by full-match pattern', async () => {
    expect(await resolve('Pattern', { A: '*' }, { os: 'linux', architecture: 'aarch64' })).toHaveLength(1);
    await expect(resolve('Pattern', { A: '*' }, { os: 'linux', architecture: 'arm64' })).rejects.toMatchObject({
      message: expect.stringContaining('claim platform'),
    });
  });

  test('the recipe is JSON whose artifacts devices can fetch here, each under its own name, with its digest', async () => {
    await put('linux/app.zip', 'for linux');
    await put('windows/app.zip', 'for windows');
    const yaml = [
      'RecipeFormatVersion: "2020-01-25"',
      'ComponentName: Both',
      'ComponentVersion: 1.0.0',
      'Manifests:',
      '  - Platform: { os: linux }',
      '    Artifacts: [{ URI: "s3://bucket/linux/app.zip" }]',
      '  - Artifacts: [{ URI: "s3://bucket/windows/app.zip" }]',
    ].join('\n');
    await create(yaml);
    const [answer] = await resolve('Both', { A: '*' });
    const { Manifests: manifests } = JSON.parse(answer?.recipe ?? '');
    const uris: string[] = manifests.map((manifest: { Artifacts: { Uri: string }[] }) => manifest.Artifacts[0]?.Uri);
    expect(new Set(uris).size).toBe(2);
    for (const uri of uris) {
      expect(uri).toMatch(/^greengrass:[0-9a-f]{16}\/app\.zip$/);
      const url = new URL(
        await cloud.app.components.artifactUrl(of('Both'), uri.slice('greengrass:'.length), 'localhost'),
      );
      expect(await cloud.app.objects.presigned(url.pathname, url.searchParams)).toBeDefined();
    }
    expect(manifests[0].Artifacts[0]).toMatchObject({ Algorithm: 'SHA-256' });
  });
});

describe('public components', () => {
  const manager = 'aws.greengrass.LogManager';
  const ofManager = { name: manager, version: '2.3.7', isPublic: true };

  test("are resolved as the account's own are, and are dependencies that can be met", async () => {
    const [answer] = await resolve(manager, { 'thing/core': '>=2.0.0' });
    expect(answer?.component).toMatchObject({ version: '2.3.7', isPublic: true });
    const recipe = JSON.parse(answer?.recipe ?? '');
    expect(recipe).toMatchObject({
      ComponentName: manager,
      ComponentType: 'aws.greengrass.plugin',
      ComponentPublisher: 'AWS',
    });
    for (const [name, { VersionRequirement }] of Object.entries<{ VersionRequirement: string }>(
      recipe.ComponentDependencies,
    )) {
      expect(await resolve(name, { [manager]: VersionRequirement }, linux, '2.12.4'), name).toHaveLength(1);
    }
  });

  test('a private one of the same name goes first, and the public one is there where it does not fit', async () => {
    const shadow = 'aws.greengrass.ShadowManager';
    await create(recipeOf(shadow, '2.2.0'));
    expect((await resolve(shadow, { A: '*' }))[0]?.component).toMatchObject({ version: '2.2.0' });
    expect((await resolve(shadow, { A: '*' }))[0]?.component.isPublic).toBeUndefined();
    expect((await resolve(shadow, { A: '^2.3.0' }))[0]?.component).toMatchObject({ version: '2.3.9', isPublic: true });
    expect((await cloud.app.components.versions(of(shadow), { limit: 9 })).items).toHaveLength(1);
    expect(await cloud.app.components.describe(of(shadow, '2.2.0'))).not.toHaveProperty('component.isPublic');
  });

  test('a device is told the nucleus that it has, and gets no other', async () => {
    const nucleus = 'aws.greengrass.Nucleus';
    expect((await resolve(nucleus, { A: '>=2.1.0 <3.0.0' }, linux, '2.12.4'))[0]?.component.version).toBe('2.12.4');
    await expect(resolve(nucleus, { 'thing/core': '2.13.0' })).rejects.toMatchObject({
      message: expect.stringContaining('no usable version'),
    });
  });

  test('are described with their recipe, and cannot be deleted', async () => {
    const { component, tags } = await cloud.app.components.describe(ofManager);
    expect({ component, tags }).toMatchObject({ component: { publisher: 'AWS', state: 'DEPLOYABLE' }, tags: {} });
    expect((await cloud.app.components.recipe(ofManager, 'YAML')).text).toContain('aws.greengrass.plugin');
    await expect(cloud.app.components.delete(ofManager)).rejects.toMatchObject({ code: 'AccessDeniedException' });
    await expect(cloud.app.components.describe({ ...ofManager, version: '7.0.0' })).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });
});
