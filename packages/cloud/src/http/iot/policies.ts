import { policyArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import type { Policy } from '../../domain/registry/registry.ts';
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
  | 'ListTargetsForPolicy'
  | 'AttachPrincipalPolicy'
  | 'DetachPrincipalPolicy'
  | 'ListPrincipalPolicies'
  | 'ListPolicyPrincipals'
  | 'GetEffectivePolicies'
>;

export const policyHandlers: PolicyHandlers = {
  async CreatePolicy({ policyName, policyDocument, tags }, { app, account }) {
    const policy = await app.policies.create(policyName, policyDocument, tags && tagMap(tags));
    return {
      ...namedPolicy(policy.name, account),
      policyDocument: policy.document,
      policyVersionId: String(policy.defaultVersion),
    };
  },

  async GetPolicy({ policyName }, { app, account }) {
    const policy = await app.policies.get(policyName);
    return {
      ...namedPolicy(policy.name, account),
      policyDocument: policy.document,
      defaultVersionId: String(policy.defaultVersion),
      creationDate: policy.createdAt,
      lastModifiedDate: policy.updatedAt,
      generationId: generationOf(policy),
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

  async ListAttachedPolicies({ target, recursive = false, marker, pageSize }, { app, account }) {
    const pages = pager('ListAttachedPolicies', { target, recursive }, 'marker');
    const request = pages.request(marker, pageSize ?? 25);
    const page = pageOf(await app.policies.attachedTo(target, recursive), request, ({ name }) => name);
    return { policies: page.items.map(({ name }) => namedPolicy(name, account)), nextMarker: pages.token(page.next) };
  },

  async ListTargetsForPolicy({ policyName, marker, pageSize }, { app }) {
    const pages = pager('ListTargetsForPolicy', { policyName }, 'marker');
    const page = pageOf(await app.policies.targets(policyName), pages.request(marker, pageSize ?? 25), (arn) => arn);
    return { targets: page.items, nextMarker: pages.token(page.next) };
  },

  // The four that AWS has replaced and old tools still call: a principal is a target.

  async AttachPrincipalPolicy({ policyName, principal }, { app }) {
    await app.policies.attach(policyName, principal);
    return undefined;
  },

  async DetachPrincipalPolicy({ policyName, principal }, { app }) {
    await app.policies.detach(policyName, principal);
    return undefined;
  },

  async ListPrincipalPolicies({ principal, marker, pageSize, ascendingOrder = true }, { app, account }) {
    const pages = pager('ListPrincipalPolicies', { principal, ascendingOrder }, 'marker');
    const request = pages.request(marker, pageSize ?? 25);
    const page = pageOf(ordered(await app.policies.attachedTo(principal), ascendingOrder), request, ({ name }) => name);
    return { policies: page.items.map(({ name }) => namedPolicy(name, account)), nextMarker: pages.token(page.next) };
  },

  async ListPolicyPrincipals({ policyName, marker, pageSize, ascendingOrder = true }, { app }) {
    const pages = pager('ListPolicyPrincipals', { policyName, ascendingOrder }, 'marker');
    const principals = (await app.policies.targets(policyName)).filter((target) => !target.includes(':thinggroup/'));
    const request = pages.request(marker, pageSize ?? 25);
    const page = pageOf(ordered(principals, ascendingOrder), request, (arn) => arn);
    return { principals: page.items, nextMarker: pages.token(page.next) };
  },

  async GetEffectivePolicies({ principal, thingName }, { app, account }) {
    const policies = await app.policies.effective({
      ...(principal === undefined ? {} : { principal }),
      ...(thingName === undefined ? {} : { thing: thingName }),
    });
    return {
      effectivePolicies: policies.map(({ name, document }) => ({
        ...namedPolicy(name, account),
        policyDocument: document,
      })),
    };
  },
};

export function namedPolicy(name: string, account: Account) {
  return { policyName: name, policyArn: policyArn(scopeOf(account), name) };
}

/** One value a policy and its life: a policy made anew under a name has another. */
export function generationOf({ createdAt }: Pick<Policy, 'createdAt'>): string {
  return String(createdAt);
}

function ordered<T>(items: readonly T[], ascending: boolean): readonly T[] {
  return ascending ? items : [...items].reverse();
}
