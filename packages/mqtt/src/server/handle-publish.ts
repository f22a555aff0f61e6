import { messageOf } from '@greensward/kit';
import { isTopicName } from '../topic/topic.ts';
import type { OpenAck } from './ack-order.ts';
import type { PublishPacket } from './codec/decode.ts';
import type { Connection, Opened } from './connection.ts';
import { Message } from './message.ts';
import type { Reply } from './options.ts';
import { protocolError, REASON, Violation } from './reasons.ts';

/** Takes a message of a client: refuses it, answers it as a request, or routes it; then acknowledges it [MQTT-4.3.2-4]. */
export function handlePublish<P>(connection: Connection<P>, opened: Opened<P>, packet: PublishPacket): void {
  const { broker } = connection;
  const { view, session } = opened;
  if (packet.qos === 2) throw new Violation(REASON.qosNotSupported, 'a PUBLISH of QoS 2'); // [MQTT-3.2.2-11]
  const qos = packet.qos === 0 ? 0 : 1;
  // [MQTT-3.3.4-7] The client knows our Receive Maximum; 3.1.1 has none, there reading stops instead.
  if (qos === 1 && connection.version === 5 && connection.acks.size >= broker.limits.receiveMaximum) {
    throw new Violation(REASON.receiveMaximumExceeded, 'more unacknowledged publishes than Receive Maximum');
  }
  const topic = topicOf(connection, packet);
  const { responseTopic, messageExpiryInterval } = packet.properties;
  // [MQTT-3.3.2-14]
  if (responseTopic !== undefined && !isTopicName(responseTopic))
    throw protocolError('the response topic is not valid');

  if (!broker.allows('authorizePublish', view, topic)) {
    connection.refused('publish refused: not authorized', { topic });
    // 3.1.1 has no way to say no to a message but to end the connection [MQTT-3.3.5-2]; AWS IoT does so too.
    if (connection.version === 4) connection.close('not-authorized');
    else if (qos === 1) connection.acks.acknowledge(packet.packetId, REASON.notAuthorized);
    return;
  }
  if (broker.options.isRequest(topic)) {
    handleRequest(connection, opened, packet, topic);
    return;
  }
  const message = new Message(topic, packet.payload, qos, packet.passed, broker.expiryOf(messageExpiryInterval));
  if (packet.retain && !broker.retained.set(message)) {
    connection.refused('retained message refused: the store is full', { topic });
    if (connection.version === 5) {
      if (qos === 1) connection.acks.acknowledge(packet.packetId, REASON.quotaExceeded);
      return;
    }
  }
  const subscribers = broker.route(message, { retain: packet.retain, queueOffline: true, origin: session });
  if (qos === 0) return;
  connection.acks.acknowledge(packet.packetId, subscribers > 0 ? REASON.success : REASON.noMatchingSubscribers);
}

/** The topic a PUBLISH means, its alias applied or learned. */
function topicOf<P>(connection: Connection<P>, packet: PublishPacket): string {
  const alias = packet.properties.topicAlias;
  if (alias !== undefined && (alias === 0 || alias > connection.broker.limits.topicAliases)) {
    throw new Violation(REASON.topicAliasInvalid, 'a topic alias outside the range'); // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
  }
  if (packet.topic === '') {
    if (alias === undefined) {
      // 3.1.1 [MQTT-4.7.3-1]; MQTT 5: an empty topic needs an alias.
      throw connection.version === 5 ? protocolError('no topic and no alias') : invalidTopic();
    }
    const known = connection.aliases?.get(alias);
    if (known === undefined) throw protocolError('a topic alias that was not set');
    return known;
  }
  if (!isTopicName(packet.topic)) throw invalidTopic();
  if (alias !== undefined) {
    connection.aliases ??= new Map();
    connection.aliases.set(alias, packet.topic);
  }
  return packet.topic;
}

function invalidTopic(): Violation {
  return new Violation(REASON.topicNameInvalid, 'the topic of a PUBLISH is not valid'); // [MQTT-3.3.2-2]
}

function handleRequest<P>(connection: Connection<P>, opened: Opened<P>, packet: PublishPacket, topic: string): void {
  const qos = packet.qos === 0 ? 0 : 1;
  const ack = qos === 1 ? connection.acks.begin(packet.packetId) : undefined;
  if (!ack) connection.openRequests++;
  const { payload, retain, properties } = packet;
  connection.broker.request(opened.view, { topic, payload, qos, retain, properties }).then(
    (replies) => answered(connection, opened, ack, qos, replies),
    (error) => failed(connection, ack, topic, error),
  );
}

function answered<P>(
  connection: Connection<P>,
  opened: Opened<P>,
  ack: OpenAck | undefined,
  qos: 0 | 1,
  replies: readonly Reply[],
): void {
  // Late when the connection is closed: then nothing is acknowledged, but what was asked is done, and its replies go to
  // those who are there.
  if (ack) connection.acks.settle(ack, REASON.success);
  else connection.openRequests--;
  connection.broker.tell('the delivery of replies', () => connection.broker.reply(opened.session, qos, replies));
  connection.proceed();
}

function failed<P>(connection: Connection<P>, ack: OpenAck | undefined, topic: string, error: unknown): void {
  connection.refused('request failed', { topic, error: messageOf(error) });
  if (!ack) connection.openRequests--;
  else if (connection.version === 4) connection.close('request-failed');
  else connection.acks.settle(ack, REASON.unspecified);
  connection.proceed();
}
