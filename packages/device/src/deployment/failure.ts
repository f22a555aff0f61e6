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
  [/^(COMPONENT_BOOTSTRAP_ERROR|COMPONENT_BOOTSTRAP_TIMEOUT)$/, 'COMPONENT_UPDATE_ERROR'],
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

/** A deployment that was cancelled after it had replaced components, while it goes back. */
export const cancelledFailure: Failure = {
  cause: 'The deployment was cancelled',
  errorStack: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_INTERRUPTED'],
  errorTypes: [],
};

/** A bootstrap step that did not do what it should; `arn` of its component version. */
export function bootstrapFailure(
  component: string,
  failure: { readonly code: string; readonly reason: string },
  arn: string | undefined,
): Failure {
  const code = failure.code === 'BOOTSTRAP_TIMEOUT' ? 'COMPONENT_BOOTSTRAP_TIMEOUT' : 'COMPONENT_BOOTSTRAP_ERROR';
  return {
    cause: `Bootstrap of ${component} failed: ${failure.reason}`,
    errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR', code],
    errorTypes: [ownerType(arn)],
  };
}

/** Components that have not come up within the time for it. */
export function activationTimeout(waiting: readonly ComponentStatus[], limitMs: number): Failure {
  const states = waiting.map(
    ({ name, state, reason }) => `${name} ${state}${reason === undefined ? '' : ` (${reason})`}`,
  );
  return {
    cause: `Not all components run after ${Math.round(limitMs / 1000)} s: ${states.join(', ')}`,
    errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR'],
    errorTypes: ['COMPONENT_ERROR'],
  };
}

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
  const types = broken.map(({ name }) => ownerType(arnOf(name)));
  return {
    cause,
    errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR', 'COMPONENT_BROKEN'],
    errorTypes: [...new Set(types)],
  };
}

/** Whose component it is, by the account of its ARN. */
function ownerType(arn: string | undefined): string {
  const account = arn?.split(':')[4];
  if (account === undefined) return 'COMPONENT_ERROR';
  return account === 'aws' ? 'AWS_COMPONENT_ERROR' : 'USER_COMPONENT_ERROR';
}
