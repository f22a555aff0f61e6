import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { publishComponent } from './publish-component.ts';

let folder: string;
let uploads: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-publish-'));
  uploads = [];
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function file(path: string, text: string): Promise<string> {
  const whole = join(folder, path);
  await mkdir(dirname(whole), { recursive: true });
  await writeFile(whole, text);
  return whole;
}

const never = () => Promise.reject(new Error('reached the cloud'));
const noCloud = {
  call: never,
  createBucket: never,
  putObject: never,
  progress: never,
  deviceEndpoints: never,
  retry: never,
  follow() {
    throw new Error('reached the cloud');
  },
};

async function publish(uris: readonly string[], artifacts: readonly string[]): Promise<void> {
  const recipe = {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: 'A',
    ComponentVersion: '1.0.0',
    Manifests: uris.map((Uri) => ({ Artifacts: [{ Uri }] })),
  };
  const client = {
    ...noCloud,
    createBucket: async () => {},
    putObject: async (bucket: string, key: string, bytes: Uint8Array) => {
      uploads.push(`${bucket}/${key}=${Buffer.from(bytes).toString()}`);
    },
  };
  await publishComponent(client, await file('recipe.json', JSON.stringify(recipe)), artifacts).catch((error) => {
    if (!(error instanceof Error) || error.message !== 'reached the cloud') throw error;
  });
}

describe('the artifacts of a component', () => {
  test('go to the URI with their file name', async () => {
    await publish(['s3://b/1.0.0/a.zip', 's3://b/1.0.0/b.zip'], [await file('b.zip', 'B'), await file('a.zip', 'A')]);
    expect(uploads).toEqual(['b/1.0.0/b.zip=B', 'b/1.0.0/a.zip=A']);
  });

  test('with one name are told apart by their folders', async () => {
    const uris = ['s3://b/linux/app', 's3://b/windows/app'];
    await publish(uris, [await file('windows/app', 'W'), await file('linux/app', 'L')]);
    expect(uploads).toEqual(['b/windows/app=W', 'b/linux/app=L']);
    await expect(publish(uris, [await file('app', '?')])).rejects.toMatchObject({
      code: 'Usage',
      message: expect.stringContaining('may be s3://b/linux/app or s3://b/windows/app'),
    });
  });

  test('of a recipe that breaks a rule are not uploaded, and the file is named', async () => {
    const recipe = await file('bad.yaml', 'ComponentName: A\n');
    await expect(publishComponent(noCloud, recipe, [])).rejects.toThrow(
      `${recipe}: RecipeFormatVersion, line 1: is required`,
    );
  });

  test('that the recipe does not name, or that are not there, are refused before anything is uploaded', async () => {
    const known = await file('a', 'A');
    await expect(publish(['s3://b/a'], [known, await file('x', 'X')])).rejects.toMatchObject({
      code: 'Usage',
      message: 'A names no artifact s3://.../x; its artifacts are: s3://b/a',
    });
    expect(uploads).toEqual([]);
    await expect(publish(['s3://b/none'], [join(folder, 'none')])).rejects.toMatchObject({
      code: 'Usage',
      message: `there is no file ${join(folder, 'none')}`,
    });
  });
});
