import { isTopicFilter } from '../topic/topic.ts';
import type { SubscribePacket, SubscriptionRequest, UnsubscribePacket } from './codec/decode.ts';
import { encodeSuback, encodeUnsuback } from './codec/encode.ts';
import type { Connection, Opened } from './connection.ts';
import { REASON } from './reasons.ts';
import { isShared, parseShared, type Subscription } from './subscription.ts';

/**
 * Grants or refuses each filter as if it had come alone [v3 3.8.4-4] [v5 3.8.4-5], answers all with one SUBACK [v3 3.8.4-1]
 * [v5 3.8.4-1], once the store has them, and sends retained messages.
 */
export function handleSubscribe<P>(connection: Connection<P>, opened: Opened<P>, packet: SubscribePacket): void {
  const { broker } = connection;
  const { session, view } = opened;
  const codes: number[] = [];
  const granted: Subscription[] = [];
  const wantRetained: Subscription[] = [];
  for (const request of packet.requests) {
    const { filter } = request;
    const problem = problemWith(connection, opened, request);
    if (problem !== undefined) {
      connection.refused('subscribe refused', { filter, reason: problem });
      codes.push(problem);
      continue;
    }
    const subscription: Subscription = {
      filter,
      // QoS 2 is taken, and granted as 1, the most we have [v5 3.2.2-10].
      qos: request.qos === 0 ? 0 : 1,
      noLocal: connection.version === 5 && request.noLocal,
      retainAsPublished: connection.version === 5 && request.retainAsPublished,
      identifier: packet.identifier,
    };
    const isNew = broker.router.subscribe(session, subscription);
    granted.push(subscription);
    codes.push(subscription.qos); // What was granted, or why not [v3 3.8.4-5] [v5 3.8.4-7].
    // 3.1.1 always wants them [v3 3.3.1-6]; MQTT 5 says which [v5 3.3.1-9 3.3.1-10 3.3.1-11 3.8.4-4]. Nobody gets the retained
    // messages of a shared subscription.
    const wanted = request.retainHandling === 0 || (request.retainHandling === 1 && isNew);
    if (wanted && !isShared(filter)) wantRetained.push(subscription);
  }
  if (granted.length > 0) broker.save(session, undefined);
  connection.whenStored(session, () => {
    connection.send(encodeSuback(connection.version, packet.packetId, codes));
    for (const subscription of wantRetained) broker.router.sendRetained(session, subscription);
    if (granted.length === 0) return;
    const filters = granted.map(({ filter }) => filter);
    broker.tell('onSubscribed', () => broker.options.onSubscribed?.(view, filters));
  });
}

function problemWith<P>(
  connection: Connection<P>,
  { session, view }: Opened<P>,
  { filter }: SubscriptionRequest,
): number | undefined {
  const { broker } = connection;
  const shared = parseShared(filter);
  if (isShared(filter) ? !shared : !isTopicFilter(filter)) return REASON.topicFilterInvalid;
  if (!broker.allows('authorizeSubscribe', view, shared?.filter ?? filter, shared?.shareName)) {
    return REASON.notAuthorized;
  }
  const full = session.subscriptions.size >= broker.limits.subscriptions;
  return full && !session.subscriptions.has(filter) ? REASON.quotaExceeded : undefined;
}

/**
 * Removes filters, and answers with one UNSUBACK, whether there were any [v3 3.10.4-4 3.10.4-5 3.10.4-6] [v5 3.10.4-4 3.10.4-5
 * 3.10.4-6 3.11.3-1 3.11.3-2]. Messages already on their way still arrive [v3 3.10.4-3] [v5 3.10.4-3].
 */
export function handleUnsubscribe<P>(
  connection: Connection<P>,
  { session }: Opened<P>,
  packet: UnsubscribePacket,
): void {
  const { broker } = connection;
  const codes = packet.filters.map((filter) =>
    broker.router.unsubscribe(session, filter) ? REASON.success : REASON.noSubscriptionExisted,
  );
  if (codes.includes(REASON.success)) broker.save(session, undefined);
  connection.whenStored(session, () => connection.send(encodeUnsuback(connection.version, packet.packetId, codes)));
}
