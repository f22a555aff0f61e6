import { Fault } from '@greensward/kit';
import { provisioningTemplateArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import type { ProvisioningTemplate } from '../../domain/provisioning/provisioning.ts';
import { scopeOf } from '../arns.ts';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type ProvisioningHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'CreateProvisioningTemplate'
  | 'DescribeProvisioningTemplate'
  | 'UpdateProvisioningTemplate'
  | 'DeleteProvisioningTemplate'
  | 'ListProvisioningTemplates'
  | 'CreateProvisioningTemplateVersion'
  | 'DescribeProvisioningTemplateVersion'
  | 'DeleteProvisioningTemplateVersion'
  | 'ListProvisioningTemplateVersions'
  | 'CreateProvisioningClaim'
  | 'RegisterThing'
>;

export const provisioningHandlers: ProvisioningHandlers = {
  async CreateProvisioningTemplate(input, { app, account }) {
    const { templateName, templateBody, provisioningRoleArn, enabled, description, tags } = input;
    refuseHook(input.preProvisioningHook);
    if (input.type === 'JITP') throw unsupported('type: just-in-time provisioning is not supported');
    const template = await app.provisioning.templates.create({
      name: templateName,
      body: templateBody,
      roleArn: provisioningRoleArn,
      ...(enabled === undefined ? {} : { enabled }),
      ...(description === undefined ? {} : { description }),
      ...(tags === undefined ? {} : { tags: tagMap(tags) }),
    });
    return { ...named(template, account), defaultVersionId: template.defaultVersion };
  },

  async DescribeProvisioningTemplate({ templateName }, { app, account }) {
    const { template, body } = await app.provisioning.templates.describe(templateName);
    return {
      ...summary(template, account),
      defaultVersionId: template.defaultVersion,
      templateBody: body,
      provisioningRoleArn: template.roleArn,
    };
  },

  async UpdateProvisioningTemplate(input, { app }) {
    const { templateName, description, enabled, defaultVersionId, provisioningRoleArn } = input;
    refuseHook(input.preProvisioningHook);
    await app.provisioning.templates.update(templateName, {
      ...(description === undefined ? {} : { description }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(defaultVersionId === undefined ? {} : { defaultVersion: defaultVersionId }),
      ...(provisioningRoleArn === undefined ? {} : { roleArn: provisioningRoleArn }),
    });
    return {};
  },

  async DeleteProvisioningTemplate({ templateName }, { app }) {
    await app.provisioning.templates.delete(templateName);
    return {};
  },

  async ListProvisioningTemplates({ maxResults, nextToken }, { app, account }) {
    const pages = pager('ListProvisioningTemplates', {});
    const page = await app.provisioning.templates.list(pages.request(nextToken, maxResults ?? 25));
    return { templates: page.items.map((each) => summary(each, account)), nextToken: pages.token(page.next) };
  },

  async CreateProvisioningTemplateVersion({ templateName, templateBody, setAsDefault = false }, { app, account }) {
    const { version, isDefault } = await app.provisioning.templates.createVersion(
      templateName,
      templateBody,
      setAsDefault,
    );
    return { ...named({ name: templateName }, account), versionId: version, isDefaultVersion: isDefault };
  },

  async DescribeProvisioningTemplateVersion({ templateName, versionId }, { app }) {
    const { template, version } = await app.provisioning.templates.version(templateName, versionId);
    return {
      versionId: version.version,
      creationDate: version.createdAt,
      templateBody: version.body,
      isDefaultVersion: template.defaultVersion === version.version,
    };
  },

  async DeleteProvisioningTemplateVersion({ templateName, versionId }, { app }) {
    await app.provisioning.templates.deleteVersion(templateName, versionId);
    return {};
  },

  async ListProvisioningTemplateVersions({ templateName, maxResults, nextToken }, { app }) {
    const pages = pager('ListProvisioningTemplateVersions', { templateName });
    const request = pages.request(nextToken, maxResults ?? 25);
    const { template, versions } = await app.provisioning.templates.versions(templateName);
    const page = pageOf(versions, request, ({ version }) => String(version));
    return {
      versions: page.items.map(({ version, createdAt }) => ({
        versionId: version,
        creationDate: createdAt,
        isDefaultVersion: template.defaultVersion === version,
      })),
      nextToken: pages.token(page.next),
    };
  },

  async CreateProvisioningClaim({ templateName }, { app }) {
    const claim = await app.provisioning.createClaim(templateName);
    return {
      certificateId: claim.certificateId,
      certificatePem: claim.certificatePem,
      keyPair: { PublicKey: claim.publicKeyPem, PrivateKey: claim.privateKeyPem },
      expiration: claim.expiresAt,
    };
  },

  async RegisterThing({ templateBody, parameters = {} }, { app }) {
    const done = await app.provisioning.register({
      body: templateBody,
      parameters: new Map(Object.entries(parameters)),
    });
    return { certificatePem: done.certificatePem, resourceArns: Object.fromEntries(done.resourceArns) };
  },
};

function named({ name }: Pick<ProvisioningTemplate, 'name'>, account: Account) {
  return { templateArn: provisioningTemplateArn(scopeOf(account), name), templateName: name };
}

function summary(template: ProvisioningTemplate, account: Account) {
  return {
    ...named(template, account),
    description: template.description,
    creationDate: template.createdAt,
    lastModifiedDate: template.updatedAt,
    enabled: template.enabled,
    type: 'FLEET_PROVISIONING' as const,
  };
}

/** The hook is a Lambda function, of which this cloud has none. Without it everything would be allowed: so none is taken. */
function refuseHook(hook: unknown): void {
  if (hook !== undefined) throw unsupported('preProvisioningHook: hooks are not supported');
}

function unsupported(message: string): Fault {
  return new Fault('InvalidRequestException', message);
}
