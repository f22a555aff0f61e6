import { roleAliasArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type RoleAliasHandlers = Pick<
  Handlers<typeof iot.operations>,
  'CreateRoleAlias' | 'DescribeRoleAlias' | 'UpdateRoleAlias' | 'DeleteRoleAlias' | 'ListRoleAliases'
>;

export const roleAliasHandlers: RoleAliasHandlers = {
  async CreateRoleAlias({ roleAlias, roleArn, credentialDurationSeconds, tags }, { app, account }) {
    await app.roleAliases.create({
      name: roleAlias,
      roleArn,
      ...(credentialDurationSeconds === undefined ? {} : { credentialSeconds: credentialDurationSeconds }),
      ...(tags === undefined ? {} : { tags: tagMap(tags) }),
    });
    return named(roleAlias, account);
  },

  async DescribeRoleAlias({ roleAlias }, { app, account }) {
    const { roleArn, credentialSeconds, createdAt, updatedAt } = await app.roleAliases.describe(roleAlias);
    return {
      roleAliasDescription: {
        ...named(roleAlias, account),
        roleArn,
        owner: account.accountId,
        credentialDurationSeconds: credentialSeconds,
        creationDate: createdAt,
        lastModifiedDate: updatedAt,
      },
    };
  },

  async UpdateRoleAlias({ roleAlias, roleArn, credentialDurationSeconds }, { app, account }) {
    await app.roleAliases.update({
      name: roleAlias,
      ...(roleArn === undefined ? {} : { roleArn }),
      ...(credentialDurationSeconds === undefined ? {} : { credentialSeconds: credentialDurationSeconds }),
    });
    return named(roleAlias, account);
  },

  async DeleteRoleAlias({ roleAlias }, { app }) {
    await app.roleAliases.delete(roleAlias);
    return {};
  },

  async ListRoleAliases({ pageSize, marker, ascendingOrder = true }, { app }) {
    const pages = pager('ListRoleAliases', { ascendingOrder }, 'marker');
    const page = await app.roleAliases.list(pages.request(marker, pageSize ?? 25), ascendingOrder);
    return { roleAliases: page.items.map(({ name }) => name), nextMarker: pages.token(page.next) };
  },
};

function named(roleAlias: string, account: Account) {
  return { roleAlias, roleAliasArn: roleAliasArn(scopeOf(account), roleAlias) };
}
