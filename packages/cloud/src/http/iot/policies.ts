import { policyArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import { scopeOf } from '../arns.ts';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type PolicyHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'CreatePolicy'
  | 'GetPolicy'
  | 'ListPolicies'
  | 'DeletePolicy'
  | 'AttachPolicy'
  | 'DetachPolicy'
  | 'ListAttachedPolicies'
>;

/** Policies have one version here. */
const onlyVersion = '1';

export const policyHandlers: PolicyHandlers = {
  async CreatePolicy({ policyName, policyDocument, tags }, { app, account }) {
    const policy = await app.policies.create(policyName, policyDocument, tags && tagMap(tags));
    return {
      ...namedPolicy(policy.name, account),
      policyDocument: policy.document,
      policyVersionId: onlyVersion,
    };
  },

  async GetPolicy({ policyName }, { app, account }) {
    const policy = await app.policies.get(policyName);
    return {
      ...namedPolicy(policy.name, account),
      policyDocument: policy.document,
      defaultVersionId: onlyVersion,
      creationDate: policy.createdAt,
      lastModifiedDate: policy.createdAt,
    };
  },

  async ListPolicies({ marker, pageSize }, { app, account }) {
    const pages = pager('ListPolicies', {}, 'marker');
    const page = await app.policies.list(pages.request(marker, pageSize ?? 25));
    return { policies: page.items.map(({ name }) => namedPolicy(name, account)), nextMarker: pages.token(page.next) };
  },

  async DeletePolicy({ policyName }, { app }) {
    await app.policies.delete(policyName);
    return undefined;
  },

  async AttachPolicy({ policyName, target }, { app }) {
    await app.policies.attach(policyName, target);
    return undefined;
  },

  async DetachPolicy({ policyName, target }, { app }) {
    await app.policies.detach(policyName, target);
    return undefined;
  },

  async ListAttachedPolicies({ target, marker, pageSize }, { app, account }) {
    const pages = pager('ListAttachedPolicies', { target }, 'marker');
    const request = pages.request(marker, pageSize ?? 25);
    const page = pageOf(await app.policies.attachedTo(target), request, ({ name }) => name);
    return { policies: page.items.map(({ name }) => namedPolicy(name, account)), nextMarker: pages.token(page.next) };
  },
};

function namedPolicy(name: string, account: Account) {
  return { policyName: name, policyArn: policyArn(scopeOf(account), name) };
}
