import type { QueuedMessage, SessionStore, StoreChange, StoredMessage, StoredSession } from '@greensward/mqtt/server';
import type { KeptDelivery, KeptMessage, KeptSession, SessionChanges } from '../ports/mqtt-sessions.ts';
import type { Storage } from '../ports/storage.ts';

/** The broker's sessions on the storage of the cloud; a batch of changes is one transaction. */
export function createSessionStorage(storage: Storage): SessionStore {
  const ids = new WeakMap<StoredMessage, number>();
  /**
   * A message has the sequence by which it was first queued for an id. That is unique as long as somebody is to get it: sequences
   * only rise, after a restart from the last that is left, which is not below the id of any message that is.
   */
  const toDelivery = ({ clientId, sequence, message, ...delivery }: QueuedMessage): KeptDelivery => {
    const messageId = ids.get(message) ?? sequence;
    ids.set(message, messageId);
    return { clientId, sequence, messageId, message, delivery: JSON.stringify(delivery) };
  };
  return {
    async load() {
      const { sessions, queued, retained } = await storage.read((tx) => tx.mqttSessions.load());
      return { sessions: sessions.map(fromKept), queued: queued.map(fromDelivery), retained };
    },
    write: (changes) => storage.write((tx) => tx.mqttSessions.apply(netChanges(changes, toDelivery))),
  };
}

/** What a batch comes to: what a later change of it undoes is left out, so that the rest is few statements of many rows. */
function netChanges(
  changes: readonly StoreChange[],
  toDelivery: (queued: QueuedMessage) => KeptDelivery,
): SessionChanges {
  const ended = new Set<string>();
  const unqueued = new Set<number>();
  const sessions = new Map<string, KeptSession>();
  const queued = new Map<string, Map<number, KeptDelivery>>();
  const retained = new Map<string, KeptMessage | undefined>();
  for (const change of changes) {
    switch (change.kind) {
      case 'session':
        sessions.set(change.session.clientId, toKept(change.session));
        break;
      case 'session-ended':
        ended.add(change.clientId);
        sessions.delete(change.clientId);
        queued.delete(change.clientId);
        break;
      case 'queued': {
        const { clientId, sequence } = change.queued;
        const ofClient = queued.get(clientId) ?? new Map<number, KeptDelivery>();
        queued.set(clientId, ofClient.set(sequence, toDelivery(change.queued)));
        break;
      }
      case 'unqueued':
        queued.get(change.clientId)?.delete(change.sequence);
        unqueued.add(change.sequence);
        break;
      case 'retained':
        retained.set(change.message.topic, change.message);
        break;
      case 'retained-removed':
        retained.set(change.topic, undefined);
        break;
    }
  }
  const deliveries = [...queued.values()].flatMap((ofClient) => [...ofClient.values()]);
  return { ended, unqueued, sessions: [...sessions.values()], queued: deliveries, retained };
}

type Delivery = Pick<QueuedMessage, 'retain'> & {
  readonly subscriptionIdentifiers?: readonly number[];
  readonly shared?: string;
};

function fromDelivery({ clientId, sequence, message, delivery }: KeptDelivery): QueuedMessage {
  const { retain, subscriptionIdentifiers, shared }: Delivery = JSON.parse(delivery);
  return { clientId, sequence, message, retain, subscriptionIdentifiers, shared };
}

type Will = NonNullable<StoredSession['will']>;

/** As JSON: bytes are base64, and members that are undefined are left out. */
type SessionText = Pick<StoredSession, 'expirySeconds'> & {
  readonly subscriptions: readonly (Omit<StoredSession['subscriptions'][number], 'identifier'> & {
    readonly identifier?: number;
  })[];
  readonly disconnectedAt?: number;
  readonly will?: Pick<Will, 'retain' | 'delaySeconds'> &
    Pick<Will['message'], 'topic' | 'qos'> & {
      readonly payload: string;
      readonly properties: string;
      readonly expirySeconds?: number;
    };
};

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function toKept({ clientId, will, ...session }: StoredSession): KeptSession {
  if (!will) return { clientId, session: JSON.stringify(session) };
  const { message, ...when } = will;
  const { topic, qos } = message;
  const text = { topic, qos, payload: base64(message.payload), properties: base64(message.properties), ...when };
  return { clientId, session: JSON.stringify({ ...session, will: text }) };
}

function fromKept({ clientId, session }: KeptSession): StoredSession {
  const { subscriptions, expirySeconds, disconnectedAt, will }: SessionText = JSON.parse(session);
  return {
    clientId,
    subscriptions: subscriptions.map((each) => ({ ...each, identifier: each.identifier })),
    expirySeconds,
    disconnectedAt,
    will: will && {
      message: {
        topic: will.topic,
        payload: Buffer.from(will.payload, 'base64'),
        qos: will.qos,
        properties: Buffer.from(will.properties, 'base64'),
        expiresAt: undefined,
      },
      retain: will.retain,
      delaySeconds: will.delaySeconds,
      expirySeconds: will.expirySeconds,
    },
  };
}
