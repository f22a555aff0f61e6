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

test('an artifact lies under the last part of its URI; an archive goes to a folder without the last extension', () => {
  const [file, archive] = plan(
    { Uri: 'greengrass:com.example.A/1.0.0/run.py', ...hash },
    { Uri: 'GREENGRASS:models.v2.zip', Unarchive: 'ZIP', Permission: { Read: 'ALL', Execute: 'OWNER' }, ...hash },
  );
  expect(file).toEqual({
    artifactName: 'com.example.A/1.0.0/run.py',
    fileName: 'run.py',
    digest: 'abc=',
    unpackTo: undefined,
    permission: { read: 'OWNER', execute: 'NONE' },
  });
  expect(archive).toMatchObject({ unpackTo: 'models.v2', permission: { read: 'ALL', execute: 'OWNER' } });
});

test.each([
  ['s3://bucket/key', 'UNSUPPORTED_ARTIFACT_SCHEME', 'rewrites s3:// to greengrass:'],
  ['docker:alpine:3', 'UNSUPPORTED_ARTIFACT_SCHEME', 'docker images are not supported'],
])('%s is refused as %s', (Uri, code, text) => {
  expect(() => plan({ Uri, ...hash })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(text) }),
  );
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

test('a digest needs an algorithm, and one that is there', () => {
  expect(() => plan({ Uri: 'greengrass:x', Digest: 'abc=' })).toThrow(
    expect.objectContaining({ code: 'RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM' }),
  );
  expect(() => plan({ Uri: 'greengrass:x', Digest: 'abc=', Algorithm: 'MD5' })).toThrow(
    expect.objectContaining({ code: 'HASHING_ALGORITHM_UNAVAILABLE' }),
  );
});
