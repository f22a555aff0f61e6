import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import { expect, test } from 'vitest';
import { requireImageServices } from './image-services.ts';

const manager = 'aws.greengrass.DockerApplicationManager';
const tokens = 'aws.greengrass.TokenExchangeService';

function recipe(name: string, ...uris: string[]): Recipe {
  return parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: '1.0.0',
      Manifests: [
        { Platform: { os: 'windows' }, Artifacts: [{ Uri: 'docker:windows' }] },
        { Artifacts: uris.map((Uri) => ({ Uri })) },
      ],
    }),
  );
}
const check = (others: readonly string[], ...uris: string[]) =>
  requireImageServices(
    new Map([
      ['App', { recipe: recipe('App', ...uris) }],
      ...others.map((name) => [name, { recipe: recipe(name) }] as const),
    ]),
    { os: 'linux' },
  );

test('case 86: an image needs the docker manager in the deployment, one of a private registry the token exchange too', () => {
  const image = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/vision:3.1';
  expect(() => check([], 'docker:alpine')).toThrow(
    expect.objectContaining({
      code: 'MISSING_DOCKER_APPLICATION_MANAGER',
      message: expect.stringContaining('App has the image alpine'),
    }),
  );
  expect(() => check([manager], `docker:${image}`)).toThrow(
    expect.objectContaining({ code: 'MISSING_TOKEN_EXCHANGE_SERVICE', message: expect.stringContaining(image) }),
  );
  check([manager], 'docker:alpine', 'docker:public.ecr.aws/acme/x');
  check([manager, tokens], `docker:${image}`);
});

test('an image of a manifest that is not chosen needs nothing', () => {
  check([], 's3://b/k');
});
