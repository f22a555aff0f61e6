import { parseRecipe, selectManifest } from '@greensward/model/recipe';
import { compareVersions } from '@greensward/model/version';
import { expect, test } from 'vitest';
import { deployablePublicVersions, publicNames, publicVersions } from './public-components.ts';

test.each(publicNames)(
  '%s has recipes that are valid, for every platform, and whose dependencies are there',
  (name) => {
    const versions = publicVersions(name);
    expect(versions.map(({ version }) => version)).toEqual(
      versions.map(({ version }) => version).sort(compareVersions),
    );
    for (const { version, recipe: text, publisher, platforms } of versions) {
      const recipe = parseRecipe(text);
      expect(recipe).toMatchObject({ componentName: name, componentVersion: version, publisher });
      expect(platforms.map(({ attributes }) => attributes['os'])).toEqual(['linux', 'darwin', 'windows']);
      expect(selectManifest(recipe, { os: 'linux', architecture: 'arm' })).toBeDefined();
      for (const dependency of recipe.dependencies.keys()) expect(publicNames).toContain(dependency);
    }
  },
);

test('a device keeps the version that it has, listed or not', () => {
  const versions = (name: string, held?: string) => deployablePublicVersions(name, held).map(({ version }) => version);
  expect(versions('aws.greengrass.LogManager', '2.99.0')).toContain('2.99.0');
  expect(versions('aws.greengrass.LogManager', '2.3.7').filter((version) => version === '2.3.7')).toHaveLength(1);
  expect(versions('aws.greengrass.Nucleus', '2.12.4')).toEqual(['2.12.4']);
});

test('no device is given another nucleus than it has', () => {
  expect(deployablePublicVersions('aws.greengrass.Nucleus', undefined)).toEqual([]);
});
