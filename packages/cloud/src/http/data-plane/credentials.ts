import { Fault } from '@greensward/kit';
import type {
  AssumeRoleWithCertificateRequest,
  AssumeRoleWithCertificateResponse,
} from '@greensward/protocol/data-plane';
import type { Call } from '../exchange.ts';

/** The credential provider of IoT: short-lived credentials of the role behind an alias, for a device by its certificate. */
export async function assumeRole(
  { roleAlias, thingName }: AssumeRoleWithCertificateRequest,
  { app, caller }: Call,
): Promise<AssumeRoleWithCertificateResponse> {
  if (caller.kind !== 'device') throw new Fault('AccessDeniedException', 'Access Denied');
  const { certificateId, things } = caller;
  if (thingName !== undefined && !things.includes(thingName)) {
    const own = things.join(', ');
    throw new Fault(
      'AccessDeniedException',
      `The client certificate is that of ${own}, and not of the thing ${thingName}`,
    );
  }
  const thing = thingName ?? (things.length === 1 ? things[0] : undefined);
  const device = { certificateId, ...(thing === undefined ? {} : { thing }) };
  const { expiresAt, ...credentials } = await app.roleAliases.assume(roleAlias, device);
  // Java's Instant reads both; AWS sends no fraction.
  return { credentials: { ...credentials, expiration: `${new Date(expiresAt).toISOString().slice(0, 19)}Z` } };
}
