import { Fault } from '@greensward/kit';
import { parseRecipe } from '@greensward/model/recipe';
import { expect, test } from 'vitest';
import { planArtifacts } from './artifact-plan.ts';

function plan(...artifacts: readonly Record<string, unknown>[]) {
  const recipe = parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'com.example.A',
      ComponentVersion: '1.0.0',
      Manifests: [{ Artifacts: artifacts }],
    }),
  );
  const [manifest] = recipe.manifests;
  if (manifest === undefined) throw new Error('no manifest');
  return planArtifacts(manifest);
}

const hash = { Digest: 'abc=', Algorithm: 'SHA-256' };

test('an artifact lies under the last part of its URI; an archive goes to a folder without its extension', () => {
  const [file, zip, tar] = plan(
    { Uri: 'greengrass:com.example.A/1.0.0/run.py', ...hash },
    { Uri: 'GREENGRASS:models.v2.zip', Unarchive: 'ZIP', Permission: { Read: 'ALL', Execute: 'OWNER' }, ...hash },
    { Uri: 's3://bucket/a/site.v3.tar.gz', Unarchive: 'TAR', ...hash },
  ).files;
  expect(file).toEqual({
    uri: 'greengrass:com.example.A/1.0.0/run.py',
    origin: { scheme: 'greengrass', artifactName: 'com.example.A/1.0.0/run.py' },
    fileName: 'run.py',
    digest: 'abc=',
    unpack: undefined,
    permission: { read: 'OWNER', execute: 'NONE' },
  });
  expect(zip).toMatchObject({
    unpack: { format: 'ZIP', folder: 'models.v2' },
    permission: { read: 'ALL', execute: 'OWNER' },
  });
  expect(tar).toMatchObject({
    origin: { scheme: 's3', bucket: 'bucket', key: 'a/site.v3.tar.gz' },
    unpack: { format: 'TAR', folder: 'site.v3' },
  });
});

test.each([
  ['x.tgz', 'TAR', 'x'],
  ['x.tar', 'TAR', 'x'],
  ['x.TAR.GZ', 'TAR', 'x'],
  ['.tar.gz', 'TAR', '.tar'],
  ['x.tar.gz', 'ZIP', 'x.tar'],
  ['x', 'ZIP', 'x'],
])('%s as %s is unpacked to %s', (name, Unarchive, folder) => {
  expect(plan({ Uri: `greengrass:${name}`, Unarchive, ...hash }).files[0]?.unpack?.folder).toBe(folder);
});

test('an image is no file', () => {
  expect(plan({ Uri: 'docker:alpine:3' }, { Uri: 'greengrass:x', ...hash })).toMatchObject({
    images: ['alpine:3'],
    files: [{ fileName: 'x' }],
  });
});

test.each([
  [
    'two files of one name',
    [
      { Uri: 'greengrass:a/x', ...hash },
      { Uri: 'greengrass:b/x', ...hash },
    ],
  ],
  [
    'two archives of one folder',
    [
      { Uri: 'greengrass:x.zip', Unarchive: 'ZIP', ...hash },
      { Uri: 'greengrass:x.jar', Unarchive: 'ZIP', ...hash },
    ],
  ],
  ['an archive whose folder would be the parent', [{ Uri: 'greengrass:...zip', Unarchive: 'ZIP', ...hash }]],
])('%s are refused', (_what, artifacts) => {
  expect(() => plan(...artifacts)).toThrow(Fault);
});

test('case 88: a digest needs an algorithm, and one that is there', () => {
  expect(() => plan({ Uri: 'greengrass:x', Digest: 'abc=' })).toThrow(
    expect.objectContaining({ code: 'RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM' }),
  );
  expect(() => plan({ Uri: 'greengrass:x', Digest: 'abc=', Algorithm: 'MD5' })).toThrow(
    expect.objectContaining({ code: 'HASHING_ALGORITHM_UNAVAILABLE' }),
  );
});
