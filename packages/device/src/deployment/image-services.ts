import { Fault } from '@greensward/kit';
import { isPrivateImage, parseArtifactUri, selectManifest } from '@greensward/model/recipe';
import type { Resolution } from './resolve-components.ts';

const dockerManager = 'aws.greengrass.DockerApplicationManager';
const tokenExchange = 'aws.greengrass.TokenExchangeService';

/**
 * Before anything is loaded: a component with a `docker:` artifact needs the docker manager in the deployment, one of a private
 * registry the token exchange service too. Throws a Fault `MISSING_DOCKER_APPLICATION_MANAGER` or
 * `MISSING_TOKEN_EXCHANGE_SERVICE` that names the component and the image.
 */
export function requireImageServices(
  resolved: ReadonlyMap<string, Pick<Resolution, 'recipe'>>,
  attributes: Readonly<Record<string, string>>,
): void {
  for (const [component, { recipe }] of resolved) {
    for (const { uri } of selectManifest(recipe, attributes)?.artifacts ?? []) {
      const parsed = parseArtifactUri(uri, { localFiles: true });
      if (parsed.scheme !== 'docker') continue;
      const missing = (code: string, service: string) =>
        new Fault(code, `${component} has the image ${parsed.image}, which needs ${service} in the deployment`);
      if (!resolved.has(dockerManager)) throw missing('MISSING_DOCKER_APPLICATION_MANAGER', dockerManager);
      if (isPrivateImage(parsed.image) && !resolved.has(tokenExchange)) {
        throw missing('MISSING_TOKEN_EXCHANGE_SERVICE', tokenExchange);
      }
    }
  }
}
