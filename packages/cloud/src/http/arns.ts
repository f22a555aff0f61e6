import { Fault } from '@greensward/kit';
import { type ArnScope, parseGreengrassArn, parseIotArn } from '@greensward/protocol/arn';
import type { ComponentVersionName } from '../app/app.ts';
import type { Account } from '../app/context.ts';
import { roleNameOf } from '../domain/access/role-alias.ts';
import type { Session } from '../ports/session-credentials.ts';

/** Where the resources of the account are. */
export function scopeOf({ partition, region, accountId }: Account): ArnScope {
  return { partition, region, account: accountId };
}

/** Who a session is. As on AWS, the session of a role that a device assumes has the certificate id as its name. */
export function assumedRoleArn({ partition, accountId }: Account, { roleArn, certificateId }: Session): string {
  return `arn:${partition}:sts::${accountId}:assumed-role/${roleNameOf(roleArn) ?? ''}/${certificateId}`;
}

/** A component version ARN. `isPublic`: its account is `aws`. Fails with `ValidationException`. */
export function versionOf(arn: string): ComponentVersionName {
  const parsed = parseGreengrassArn(arn);
  if (parsed?.kind !== 'component-version') throw invalidArn('arn', 'a component version');
  return { name: parsed.name, version: parsed.version, isPublic: parsed.account === 'aws' };
}

/** A component ARN. `isPublic`: its account is `aws`. Fails with `ValidationException`. */
export function componentOf(arn: string): Omit<ComponentVersionName, 'version'> {
  const parsed = parseGreengrassArn(arn);
  if (parsed?.kind !== 'component') throw invalidArn('arn', 'a component');
  return { name: parsed.name, isPublic: parsed.account === 'aws' };
}

/** The name given outright or in the ARN of a thing or group; both must agree. Fails with `ValidationException`. */
export function nameOrArn(
  kind: 'thing' | 'thinggroup',
  members: { readonly name: string; readonly arn: string },
  name: string | undefined,
  arn: string | undefined,
): string {
  const parsed = arn === undefined ? undefined : parseIotArn(arn);
  if (arn !== undefined && parsed?.kind !== kind) throw invalidArn(members.arn, `a ${kind}`);
  const found = name ?? parsed?.name;
  if (found === undefined || (parsed !== undefined && parsed.name !== found)) {
    throw new Fault('ValidationException', `${members.name} or ${members.arn} must name one ${kind}`);
  }
  return found;
}

function invalidArn(member: string, what: string): Fault {
  const message = `${member} is not the ARN of ${what}`;
  return new Fault('ValidationException', message, {
    context: { reason: 'FIELD_VALIDATION_FAILED', fields: [{ name: member, message }] },
  });
}
