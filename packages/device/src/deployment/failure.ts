import { Fault, messageChain } from '@greensward/kit';
import { deploymentErrorTypeOf } from '@greensward/protocol/vocabulary';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import type { Failure } from '../store/records.ts';

/** Codes that stand between `DEPLOYMENT_FAILURE` and the code itself, from generic to specific. */
const context: readonly (readonly [pattern: RegExp, ...between: string[]])[] = [
  [
    /^(ARTIFACT_CHECKSUM_MISMATCH|DOWNLOAD_GREENGRASS_|GET_GREENGRASS_|GREENGRASS_ARTIFACT_|UNSUPPORTED_ARTIFACT_|IO_UNZIP_|DISK_SPACE_|S3_|DOCKER_|GET_ECR_|USER_NOT_AUTHORIZED_FOR_DOCKER)/,
    'ARTIFACT_DOWNLOAD_ERROR',
  ],
  [/^(COMPONENT_VERSION_REQUIREMENTS_NOT_MET)$/, 'NO_AVAILABLE_COMPONENT_VERSION'],
  [/^(RECIPE_|LOCAL_RECIPE_)/, 'COMPONENT_PACKAGE_LOADING_ERROR'],
  [/^(IO_MAPPING_ERROR)$/, 'COMPONENT_PACKAGE_LOADING_ERROR', 'IO_ERROR'],
  [/^(DEPLOYMENT_DOCUMENT_PARSE_ERROR)$/, 'DEPLOYMENT_DOCUMENT_NOT_VALID'],
  [/^(COMPONENT_BOOTSTRAP_ERROR)$/, 'COMPONENT_UPDATE_ERROR'],
];

/** What a status report says of an error: its texts, its codes outer to inner, and the types they stand for. */
export function failureOf(error: unknown): Failure {
  const codes: string[] = ['DEPLOYMENT_FAILURE'];
  const add = (code: string) => {
    if (!codes.includes(code)) codes.push(code);
  };
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof Fault) || deploymentErrorTypeOf(at.code) === undefined) continue;
    const { code } = at;
    for (const [pattern, ...between] of context) if (pattern.test(code)) between.forEach(add);
    add(code);
  }
  return { cause: messageChain(error), errorStack: codes, errorTypes: typesOf(codes, error) };
}

function typesOf(codes: readonly string[], error: unknown): readonly string[] {
  const types = new Set(codes.map((code) => deploymentErrorTypeOf(code) ?? 'UNKNOWN_ERROR'));
  types.delete('NONE');
  if (types.size === 0 && !(error instanceof Fault)) types.add('UNKNOWN_ERROR');
  return [...types];
}

/** A deployment that is refused because the group has run a newer one. */
export const staleFailure: Failure = {
  cause: 'The deployment is older than the last one that this group ran on the device',
  errorStack: ['DEPLOYMENT_REJECTED', 'REJECTED_STALE_DEPLOYMENT'],
  errorTypes: [],
};

/** Components that turned BROKEN. `arnOf` tells whether a component is the vendor's or the user's own. */
export function brokenFailure(
  broken: readonly ComponentStatus[],
  arnOf: (name: string) => string | undefined,
): Failure {
  const cause = broken
    .map(
      ({ name, reason }) =>
        `Service ${name} in broken state after deployment${reason === undefined ? '' : `: ${reason}`}`,
    )
    .join('. ');
  const types = broken.map(({ name }) => {
    const account = arnOf(name)?.split(':')[4];
    return account === undefined
      ? 'COMPONENT_ERROR'
      : account === 'aws'
        ? 'AWS_COMPONENT_ERROR'
        : 'USER_COMPONENT_ERROR';
  });
  return {
    cause,
    errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR', 'COMPONENT_BROKEN'],
    errorTypes: [...new Set(types)],
  };
}
