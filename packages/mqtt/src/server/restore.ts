import type { Clock } from '@greensward/kit';
import type { Broker } from './broker.ts';
import type { Will } from './codec/decode.ts';
import { Message } from './message.ts';
import { Session } from './session.ts';
import type { StoredMessage, StoredSession, StoredState, StoredWill } from './session-store.ts';

/** Takes back into an empty broker what a store has, and lets time go on: what ran out while the server was down ends now. */
export function restore<P>(broker: Broker<P>, state: StoredState, clock: Clock): void {
  const now = clock.now();
  const messages = new Map<StoredMessage, Message>();
  const messageOf = (stored: StoredMessage): Message => {
    const known = messages.get(stored);
    if (known) return known;
    const expiresAt = stored.expiresAt === undefined ? undefined : broker.now() + (stored.expiresAt - now);
    const payload = Buffer.from(stored.payload);
    const message = new Message(stored.topic, payload, stored.qos, Buffer.from(stored.properties), expiresAt);
    messages.set(stored, message);
    return message;
  };
  for (const stored of state.retained) broker.retained.restore(messageOf(stored));
  for (const stored of state.sessions) restoreSession(broker, stored);
  for (const queued of [...state.queued].sort((a, b) => a.sequence - b.sequence)) {
    const { clientId, sequence, message, retain, subscriptionIdentifiers, shared } = queued;
    const session = broker.sessions.get(clientId);
    if (!session) broker.journal?.unqueued(clientId, sequence);
    const item = { message: messageOf(message), retain, identifiers: subscriptionIdentifiers, shared };
    session?.restore({ ...item, packetId: 0, stored: sequence });
  }
  for (const stored of state.sessions) letTimePass(broker, stored, now);
}

function restoreSession<P>(broker: Broker<P>, stored: StoredSession): void {
  const session = new Session<P>(stored.clientId, undefined, broker.host);
  session.stored = true;
  session.expirySeconds = stored.expirySeconds;
  broker.sessions.set(stored.clientId, session);
  for (const subscription of stored.subscriptions) broker.router.subscribe(session, subscription);
  if (stored.will) session.will = { will: willOf(stored.will), view: undefined };
}

/** A client that was connected when the server went down has been without a connection from now on. */
function letTimePass<P>(broker: Broker<P>, stored: StoredSession, now: number): void {
  const session = broker.sessions.get(stored.clientId);
  if (!session) return;
  const since = stored.disconnectedAt ?? now;
  const left = (seconds: number): number => Math.max(0, seconds - (now - since) / 1000);
  session.cancelExpiry = broker.after(left(stored.expirySeconds), () => broker.endSession(session));
  if (stored.will) session.cancelWill = broker.after(left(stored.will.delaySeconds), () => broker.publishWill(session));
  if (stored.disconnectedAt === undefined) broker.save(session, broker.now());
}

function willOf({ message, retain, delaySeconds, expirySeconds }: StoredWill): Will {
  return {
    topic: message.topic,
    payload: Buffer.from(message.payload),
    qos: message.qos,
    retain,
    properties: {
      willDelayInterval: delaySeconds,
      ...(expirySeconds !== undefined && { messageExpiryInterval: expirySeconds }),
    },
    passed: Buffer.from(message.properties),
  };
}
