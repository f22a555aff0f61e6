import type { Clock } from '@greensward/kit';
import { createArns } from '../app/arns.ts';
import type { Account } from '../app/context.ts';
import type { Storage } from '../ports/storage.ts';

const hourMs = 3_600_000;
/** Rows of one transaction. */
const limit = 500;

/**
 * Forgets what is of no use any more; hourly: answers kept for client tokens once their 8 hours are over, claims that have
 * expired, and certificates that were issued to devices which did not register them within the hour of their tokens.
 */
export async function pruneTick({
  storage,
  clock,
  account,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly account: Account;
}): Promise<{ readonly nextAt?: number }> {
  const now = clock.now();
  const arns = createArns(account);
  const full = await storage.write(async (tx) => {
    await tx.idempotency.prune(now);
    const claims = await tx.provisioning.expiredClaims(now, limit);
    const unregistered = await tx.certificates.pendingBefore(now - hourMs, limit);
    for (const id of claims) {
      const arn = arns.certificate(id);
      for (const { name } of await tx.policies.attachedTo(arn)) await tx.policies.detach(name, arn);
      await tx.certificates.delete(id);
    }
    for (const id of unregistered) {
      const certificate = await tx.certificates.get(id);
      const policies = await tx.policies.attachedTo(arns.certificate(id));
      const things = await tx.things.ofCertificate(id);
      if (policies.length === 0 && things.length === 0) await tx.certificates.delete(id);
      // Somebody has plans for it: it is kept, but waits no longer.
      else if (certificate !== undefined)
        await tx.certificates.update({ ...certificate, status: 'INACTIVE', updatedAt: now });
    }
    return claims.length === limit || unregistered.length === limit;
  });
  return { nextAt: full ? now : now + hourMs };
}
