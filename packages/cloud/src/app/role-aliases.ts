import { Fault } from '@greensward/kit';
import { defaultCredentialSeconds, type RoleAlias, roleNameOf } from '../domain/access/role-alias.ts';
import { iotInvalid, iotNotFound } from '../domain/faults.ts';
import type { Tx } from '../ports/storage.ts';
import type { RoleAliasUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { refuseReserved } from './tags.ts';

/** Role aliases, and the short-lived credentials that devices get by them. */
export function createRoleAliases(
  deps: Pick<AppDeps, 'storage' | 'clock' | 'account' | 'sessions'>,
): RoleAliasUseCases {
  const { storage, clock, account, sessions } = deps;
  const arns = createArns(account);

  return {
    create: ({ name, roleArn, credentialSeconds = defaultCredentialSeconds, tags = {} }) =>
      storage.write(async (tx) => {
        requireRole(roleArn, account.accountId);
        refuseReserved(tags);
        if ((await tx.roleAliases.get(name)) !== undefined) {
          const context = { resourceId: name, resourceArn: arns.roleAlias(name) };
          throw new Fault('ResourceAlreadyExistsException', `Role alias ${name} already exists.`, { context });
        }
        const now = clock.now();
        const alias: RoleAlias = { name, roleArn, credentialSeconds, createdAt: now, updatedAt: now };
        await tx.roleAliases.insert(alias);
        await tx.tags.put(arns.roleAlias(name), tags);
        return alias;
      }),

    describe: (name) => storage.read((tx) => requireAlias(tx, name)),

    update: ({ name, roleArn, credentialSeconds }) =>
      storage.write(async (tx) => {
        const present = await requireAlias(tx, name);
        if (roleArn !== undefined) requireRole(roleArn, account.accountId);
        await tx.roleAliases.update({
          ...present,
          ...(roleArn === undefined ? {} : { roleArn }),
          ...(credentialSeconds === undefined ? {} : { credentialSeconds }),
          updatedAt: clock.now(),
        });
      }),

    delete: (name) =>
      storage.write(async (tx) => {
        await requireAlias(tx, name);
        await tx.roleAliases.delete(name);
        await tx.tags.clear(arns.roleAlias(name));
      }),

    list: (page, ascending) => storage.read((tx) => tx.roleAliases.list(page, ascending)),

    async assume(name, { certificateId, thing }) {
      const { roleArn, credentialSeconds } = await storage.read((tx) => requireAlias(tx, name));
      // Whole seconds: what is told is what holds.
      const expiresAt = (Math.floor(clock.now() / 1000) + credentialSeconds) * 1000;
      const session = { roleArn, certificateId, expiresAt, ...(thing === undefined ? {} : { thing }) };
      return { ...sessions.issue(session), expiresAt };
    },
  };
}

async function requireAlias(tx: Tx, name: string): Promise<RoleAlias> {
  const alias = await tx.roleAliases.get(name);
  if (alias === undefined) throw iotNotFound('Role alias', name);
  return alias;
}

function requireRole(arn: string, accountId: string): void {
  if (roleNameOf(arn) === undefined || arn.split(':')[4] !== accountId) {
    throw iotInvalid(`roleArn must be the ARN of a role of this account: arn:aws:iam::${accountId}:role/NAME`);
  }
}
