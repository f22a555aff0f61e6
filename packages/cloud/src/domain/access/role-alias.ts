/** What devices ask credentials by: a name for a role, and how long its credentials are good. */
export interface RoleAlias {
  readonly name: string;
  readonly roleArn: string;
  readonly credentialSeconds: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** IoT: how long credentials are good when the alias does not say. Seconds. */
export const defaultCredentialSeconds = 3600;

/** The alias that the original installer makes, and that the configurations of devices name. */
export const tokenExchangeRoleAlias = 'GreengrassV2TokenExchangeRoleAlias';

/** The name in the ARN of a role, without its path; undefined when it is none. */
export function roleNameOf(arn: string): string | undefined {
  return /^arn:[^:]+:iam::\d{12}:role\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,64})$/.exec(arn)?.[1];
}
