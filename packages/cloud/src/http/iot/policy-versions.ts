import { policyArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import { scopeOf } from '../arns.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { generationOf, namedPolicy } from './policies.ts';

type PolicyVersionHandlers = Pick<
  Handlers<typeof iot.operations>,
  'CreatePolicyVersion' | 'GetPolicyVersion' | 'ListPolicyVersions' | 'DeletePolicyVersion' | 'SetDefaultPolicyVersion'
>;

export const policyVersionHandlers: PolicyVersionHandlers = {
  async CreatePolicyVersion({ policyName, policyDocument, setAsDefault = false }, { app, account }) {
    const { version, isDefault } = await app.policies.createVersion(policyName, policyDocument, setAsDefault);
    return {
      policyArn: policyArn(scopeOf(account), policyName),
      policyDocument: version.document,
      policyVersionId: String(version.number),
      isDefaultVersion: isDefault,
    };
  },

  async GetPolicyVersion({ policyName, policyVersionId }, { app, account }) {
    const { version, policy } = await app.policies.version(policyName, Number(policyVersionId));
    return {
      ...namedPolicy(policyName, account),
      policyDocument: version.document,
      policyVersionId: String(version.number),
      isDefaultVersion: version.number === policy.defaultVersion,
      creationDate: version.createdAt,
      lastModifiedDate: version.createdAt,
      generationId: generationOf(policy),
    };
  },

  async ListPolicyVersions({ policyName }, { app }) {
    const { versions, policy } = await app.policies.versions(policyName);
    return {
      policyVersions: versions.map(({ number, createdAt }) => ({
        versionId: String(number),
        isDefaultVersion: number === policy.defaultVersion,
        createDate: createdAt,
      })),
    };
  },

  async DeletePolicyVersion({ policyName, policyVersionId }, { app }) {
    await app.policies.deleteVersion(policyName, Number(policyVersionId));
    return undefined;
  },

  async SetDefaultPolicyVersion({ policyName, policyVersionId }, { app }) {
    await app.policies.setDefaultVersion(policyName, Number(policyVersionId));
    return undefined;
  },
};
