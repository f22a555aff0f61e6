import { createHash } from 'node:crypto';
import { conflict } from '../domain/faults.ts';
import type { Tx } from '../ports/storage.ts';

const keptMs = 8 * 3_600_000;

/**
 * Greengrass: the answer to a request that carried a clientToken is replayed for 8 hours; the token with another request is
 * refused. Runs inside the transaction of the call, so a call that fails leaves nothing, and of two at once the second finds
 * the answer of the first.
 */
export async function idempotent<T>(
  tx: Tx,
  call: {
    readonly operation: string;
    readonly token: string | undefined;
    readonly request: unknown;
    readonly now: number;
  },
  work: () => Promise<T>,
): Promise<T> {
  const { operation, token, now } = call;
  if (token === undefined) return work();
  const requestHash = createHash('sha256').update(canonical(call.request)).digest('hex');
  const known = await tx.idempotency.get(operation, token, now);
  if (known !== undefined) {
    if (known.requestHash === requestHash) return JSON.parse(known.response);
    throw conflict('clientToken', token, `The client token ${token} was used with a different request.`);
  }
  const answer = await work();
  await tx.idempotency.put({
    operation,
    token,
    requestHash,
    response: JSON.stringify(answer),
    expiresAt: now + keptMs,
  });
  return answer;
}

/** JSON with sorted keys: a client may write the members of a repeat in another order. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'object' && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
        : member,
    ) ?? ''
  );
}
