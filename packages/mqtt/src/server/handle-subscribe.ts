import { isTopicFilter } from '../topic/topic.ts';
import type { SubscribePacket, SubscriptionRequest, UnsubscribePacket } from './codec/decode.ts';
import { encodeSuback, encodeUnsuback } from './codec/encode.ts';
import type { Connection, Opened } from './connection.ts';
import { REASON } from './reasons.ts';
import type { Subscription } from './session.ts';

/** Grants or refuses each filter, answers with one code for each [MQTT-3.8.4-6], and sends retained messages. */
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
    // QoS 2 is granted as 1, the most we have [MQTT-3.8.4-8].
    const subscription: Subscription = {
      filter,
      qos: request.qos === 0 ? 0 : 1,
      noLocal: connection.version === 5 && request.noLocal,
      retainAsPublished: connection.version === 5 && request.retainAsPublished,
      identifier: packet.identifier,
    };
    const isNew = broker.subscribe(session, subscription);
    granted.push(subscription);
    codes.push(subscription.qos);
    // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]; 3.1.1 always sends.
    if (request.retainHandling === 0 || (request.retainHandling === 1 && isNew)) wantRetained.push(subscription);
  }
  connection.send(encodeSuback(connection.version, packet.packetId, codes)); // [MQTT-3.8.4-1] [MQTT-3.8.4-2]
  for (const subscription of wantRetained) broker.sendRetained(session, subscription);
  if (granted.length === 0) return;
  const filters = granted.map(({ filter }) => filter);
  broker.tell('onSubscribed', () => broker.options.onSubscribed?.(view, filters));
}

function problemWith<P>(
  connection: Connection<P>,
  { session, view }: Opened<P>,
  { filter }: SubscriptionRequest,
): number | undefined {
  if (filter.startsWith('$share/')) return REASON.sharedSubscriptionsNotSupported;
  if (!isTopicFilter(filter)) return REASON.topicFilterInvalid;
  if (!connection.broker.allows('authorizeSubscribe', view, filter)) return REASON.notAuthorized;
  const full = session.subscriptions.size >= connection.broker.limits.subscriptions;
  return full && !session.subscriptions.has(filter) ? REASON.quotaExceeded : undefined;
}

/** Removes filters; messages already on their way still arrive [MQTT-3.10.4-3]. */
export function handleUnsubscribe<P>(
  connection: Connection<P>,
  { session }: Opened<P>,
  packet: UnsubscribePacket,
): void {
  const codes = packet.filters.map((filter) =>
    connection.broker.unsubscribe(session, filter) ? REASON.success : REASON.noSubscriptionExisted,
  );
  connection.send(encodeUnsuback(connection.version, packet.packetId, codes)); // [MQTT-3.10.4-4]
}
