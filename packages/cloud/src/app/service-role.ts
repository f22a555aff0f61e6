import { Fault } from '@greensward/kit';
import { roleNameOf } from '../domain/access/role-alias.ts';
import { invalidFields } from '../domain/faults.ts';
import type { ServiceRoleUseCases } from './app.ts';
import type { AppDeps } from './context.ts';

/** The role of the service in the account: remembered, for tools that ask; the service needs none here. */
export function createServiceRole({ storage, clock }: Pick<AppDeps, 'storage' | 'clock'>): ServiceRoleUseCases {
  return {
    get: () =>
      storage.read(async (tx) => {
        const role = await tx.serviceRole.get();
        if (role !== undefined) return role;
        throw new Fault('ResourceNotFoundException', 'You need to attach an IAM role to this deployment', {
          context: { resourceType: 'serviceRole', resourceId: 'account' },
        });
      }),

    associate: (roleArn) =>
      storage.write(async (tx) => {
        if (roleNameOf(roleArn) === undefined) {
          throw invalidFields([
            { name: 'RoleArn', message: 'must be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME' },
          ]);
        }
        const associatedAt = clock.now();
        await tx.serviceRole.put({ roleArn, associatedAt });
        return associatedAt;
      }),

    disassociate: () =>
      storage.write(async (tx) => {
        await tx.serviceRole.clear();
        return clock.now();
      }),
  };
}
