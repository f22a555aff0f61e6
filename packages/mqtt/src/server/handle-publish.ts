import { isUtf8 } from 'node:buffer';
import { messageOf } from '@greensward/kit';
import { isTopicName } from '../topic/topic.ts';
import type { OpenAck } from './ack-order.ts';
import type { PublishPacket } from './codec/decode.ts';
import type { Connection, Opened } from './connection.ts';
import { Message } from './message.ts';
import type { Reply } from './options.ts';
import { protocolError, REASON, Violation } from './reasons.ts';

/**
 * Takes a message of a client: refuses it, answers it as a request, or routes it; then acknowledges it with its identifier
 * [v3 2.3.1-6 3.3.4-1 4.3.2-2] [v5 2.2.1-5 3.3.4-1 4.3.2-4]. No identifier is remembered: the next message with it is new [v5 4.3.2-5].
 */
export function handlePublish<P>(connection: Connection<P>, opened: Opened<P>, packet: PublishPacket): void {
  const { broker } = connection;
  // The client was told of Maximum QoS 1 [v5 3.2.2-9]; 3.1.1 has no way to say it.
  if (packet.qos === 2) throw new Violation(REASON.qosNotSupported, 'a PUBLISH of QoS 2');
  const qos = packet.qos === 0 ? 0 : 1;
  // The client knows our Receive Maximum; 3.1.1 has none, there reading stops instead.
  if (qos === 1 && connection.version === 5 && connection.acks.size >= broker.limits.receiveMaximum) {
    throw new Violation(REASON.receiveMaximumExceeded, 'more unacknowledged publishes than Receive Maximum');
  }
  const topic = topicOf(connection, packet);
  const { responseTopic, payloadFormatIndicator } = packet.properties;
  // [v5 3.3.2-14]
  if (responseTopic !== undefined && !isTopicName(responseTopic))
    throw protocolError('the response topic is not valid');

  if (!broker.allowsPublish(opened.view, topic, packet.retain)) {
    refuse(connection, packet, topic, REASON.notAuthorized, 'not authorized');
  } else if (broker.options.checkPayloadFormat && payloadFormatIndicator && !isUtf8(packet.payload)) {
    refuse(connection, packet, topic, REASON.payloadFormatInvalid, 'the payload is not the text it is said to be');
  } else if (broker.options.isRequest(topic)) handleRequest(connection, opened, packet, topic);
  else handleMessage(connection, opened, packet, topic);
}

function refuse<P>(
  connection: Connection<P>,
  packet: PublishPacket,
  topic: string,
  reason: number,
  message: string,
): void {
  connection.refused(`publish refused: ${message}`, { topic });
  // 3.1.1 has no way to say no to a message but to end the connection [v3 3.3.5-2]; AWS IoT does so too.
  if (connection.version === 4) connection.close('not-authorized');
  else if (packet.qos > 0) connection.acks.acknowledge(packet.packetId, reason);
}

function handleMessage<P>(connection: Connection<P>, opened: Opened<P>, packet: PublishPacket, topic: string): void {
  const { broker } = connection;
  const { journal } = broker;
  const { retain, packetId } = packet;
  const changesBefore = journal?.changes;
  const qos = packet.qos === 0 ? 0 : 1;
  const expiresAt = broker.expiryOf(packet.properties.messageExpiryInterval);
  const message = new Message(topic, packet.payload, qos, packet.passed, expiresAt);
  // Without RETAIN nothing retained is touched [v3 3.3.1-12] [v5 3.3.1-8].
  if (retain && !broker.retained.set(message, broker.now())) {
    connection.refused('retained message refused: the store is full', { topic });
    if (connection.version === 5) {
      if (qos === 1) connection.acks.acknowledge(packetId, REASON.quotaExceeded);
      return;
    }
    // It cannot be said: then at least nothing old stands for the new.
    broker.retained.forget(topic);
  }
  const subscribers = broker.route(message, { retain, queueOffline: true, origin: opened.session });
  if (qos === 0) return;
  const reason = subscribers > 0 ? REASON.success : REASON.noMatchingSubscribers;
  if (!journal || journal.changes === changesBefore) {
    connection.acks.acknowledge(packetId, reason);
    return;
  }
  // The message is ours from the PUBACK on: a message that waits for somebody is in the store before.
  const ack = connection.acks.begin(packetId);
  void journal.flushed().then(() => {
    connection.acks.settle(ack, reason);
    connection.proceed();
  });
}

/** The topic a PUBLISH means, its alias applied or learned. */
function topicOf<P>(connection: Connection<P>, packet: PublishPacket): string {
  const alias = packet.properties.topicAlias;
  if (alias !== undefined && (alias === 0 || alias > connection.broker.limits.topicAliases)) {
    // All from 1 to what was announced are taken [v5 3.3.2-12].
    throw new Violation(REASON.topicAliasInvalid, 'a topic alias outside the range');
  }
  if (packet.topic === '') {
    if (alias === undefined) {
      // [v3 4.7.3-1]; MQTT 5: an empty topic needs an alias.
      throw connection.version === 5 ? protocolError('no topic and no alias') : invalidTopic();
    }
    const known = connection.topicOfAlias(alias);
    if (known === undefined) throw protocolError('a topic alias that was not set');
    return known;
  }
  if (!isTopicName(packet.topic)) throw invalidTopic();
  if (alias !== undefined) connection.learnAlias(alias, packet.topic);
  return packet.topic;
}

function invalidTopic(): Violation {
  return new Violation(REASON.topicNameInvalid, 'the topic of a PUBLISH is not valid'); // [v3 3.3.2-2] [v5 3.3.2-2]
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
