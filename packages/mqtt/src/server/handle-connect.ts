import { isUtf8 } from 'node:buffer';
import { messageOf } from '@greensward/kit';
import { isTopicName } from '../topic/topic.ts';
import type { ConnectPacket } from './codec/decode.ts';
import { encodeConnack } from './codec/encode.ts';
import type { Connection } from './connection.ts';
import { openSession } from './open-session.ts';
import type { AuthenticateResult, ClientView, ConnectRequest, MqttLimits, RefusalReason } from './options.ts';
import { REASON, Violation } from './reasons.ts';

const REFUSALS: Readonly<Record<RefusalReason, number>> = {
  'not-authorized': REASON.notAuthorized,
  'bad-credentials': REASON.badCredentials,
  unavailable: REASON.serverUnavailable,
};

/** The smallest Maximum Packet Size of a client that our answers fit in. */
const MIN_PACKET_BYTES = 128;

/** Takes the CONNECT of a connection: refuses it, or has it authenticated and opens the session. */
export function handleConnect<P>(connection: Connection<P>, packet: ConnectPacket): void {
  const { broker } = connection;
  connection.version = packet.version;
  const problem = turnedAway(connection) ?? problemWith(packet, broker.limits, broker.options.checkPayloadFormat);
  if (problem) {
    connection.refuse(problem.reason, problem.message, { clientId: packet.clientId.slice(0, 256) });
    return;
  }
  // A name of its own, as if the client had sent it [v3 3.1.3-6] [v5 3.1.3-6 3.2.2-16].
  const assigned = packet.clientId === '' ? `auto-${broker.options.ids.uuid()}` : undefined;
  const request: ConnectRequest = {
    clientId: assigned ?? packet.clientId,
    protocolVersion: packet.version,
    username: packet.username,
    password: packet.password,
    peerCertificate: connection.certificate,
    remoteAddress: connection.address,
  };
  connection.authenticating();
  authenticate(connection, request).then(
    (result) => {
      if (connection.closed) return;
      if (result.allow) {
        accept(connection, packet, request, result, assigned);
        connection.proceed();
      } else connection.refuse(REFUSALS[result.reason], result.reason, { clientId: request.clientId });
    },
    (error) => {
      if (connection.closed) return;
      connection.broker.log.error('authenticate failed', { clientId: request.clientId, error: messageOf(error) });
      connection.refuse(REASON.serverUnavailable, 'unavailable', { clientId: request.clientId });
    },
  );
}

function turnedAway<P>({ broker, turnAway }: Connection<P>): Violation | undefined {
  if (turnAway !== undefined) return new Violation(turnAway, 'too many connections');
  if (broker.connects.waitMs(broker.now()) > 0) {
    return new Violation(REASON.connectionRateExceeded, 'too many connects a second');
  }
  broker.connects.take();
  return undefined;
}

function problemWith(
  packet: ConnectPacket,
  limits: MqttLimits,
  checkPayloadFormat: boolean | undefined,
): Violation | undefined {
  const { clientId, properties, version, will } = packet;
  // No method is supported, and none named in a CONNACK [v5 4.12.0-1 4.12.0-6].
  if (properties.authenticationMethod !== undefined) {
    return new Violation(REASON.badAuthenticationMethod, 'enhanced authentication is not supported');
  }
  // [v3 3.1.3-5 3.1.3-9] [v5 3.1.3-5 3.1.3-8]
  if (Buffer.byteLength(clientId) > limits.clientIdBytes) {
    return new Violation(REASON.clientIdNotValid, 'the client id is too long');
  }
  // A session that is kept needs a name [v3 3.1.3-8]. MQTT 5 is told its name in the CONNACK.
  if (clientId === '' && version === 4 && !packet.clean) {
    return new Violation(REASON.clientIdNotValid, 'an empty client id needs a clean session');
  }
  // Not even our CONNACK would fit [v5 3.1.2-24].
  if ((properties.maximumPacketSize ?? MIN_PACKET_BYTES) < MIN_PACKET_BYTES) {
    return new Violation(REASON.packetTooLarge, 'the Maximum Packet Size is too small to be served');
  }
  if (will?.qos === 2) return new Violation(REASON.qosNotSupported, 'a will of QoS 2'); // [v5 3.2.2-12]
  if (will && !isTopicName(will.topic)) return new Violation(REASON.topicNameInvalid, 'the will has no valid topic');
  if (will && checkPayloadFormat && will.properties.payloadFormatIndicator && !isUtf8(will.payload)) {
    return new Violation(REASON.payloadFormatInvalid, 'the payload of the will is not the text it is said to be');
  }
  return undefined;
}

async function authenticate<P>(connection: Connection<P>, request: ConnectRequest): Promise<AuthenticateResult<P>> {
  return connection.broker.options.authenticate(request);
}

function accept<P>(
  connection: Connection<P>,
  packet: ConnectPacket,
  request: ConnectRequest,
  { principal, transient = false }: Extract<AuthenticateResult<P>, { allow: true }>,
  assigned: string | undefined,
): void {
  const { broker } = connection;
  const { limits } = broker;
  const { properties, version, will } = packet;
  const view: ClientView<P> = {
    clientId: request.clientId,
    principal,
    protocolVersion: version,
    remoteAddress: connection.address,
  };
  if (will && !broker.allowsPublish(view, will.topic, will.retain)) {
    connection.refuse(REASON.notAuthorized, 'the will is not authorized', {
      clientId: request.clientId,
      topic: will.topic,
    });
    return;
  }
  const opening = openSession(broker, view, packet.clean || transient);
  if (!opening) {
    connection.refuse(REASON.quotaExceeded, 'too many sessions', { clientId: request.clientId });
    return;
  }
  const { session, present } = opening;
  const askedExpiry = version === 5 ? (properties.sessionExpiryInterval ?? 0) : packet.clean ? 0 : 0xffffffff;
  session.expirySeconds = transient ? 0 : Math.min(askedExpiry, limits.sessionExpirySeconds);
  session.will = will && { will, view };
  broker.save(session, undefined);
  const keepAliveSeconds = keepAliveOf(packet, limits.keepAliveSeconds);
  // Session Present says whether the server has the session, truthfully [v3 3.2.2-1 3.2.2-2 3.2.2-3 3.1.4-4] [v5 3.2.2-2 3.2.2-3
  // 3.1.4-5].
  const connack = encodeConnack(version, REASON.success, present, {
    ...(session.expirySeconds !== askedExpiry && { sessionExpiryInterval: session.expirySeconds }),
    receiveMaximum: limits.receiveMaximum,
    maximumQoS: 1, // [v5 3.2.2-9]
    retainAvailable: true,
    maximumPacketSize: limits.maximumPacketBytes,
    ...(assigned !== undefined && { assignedClientIdentifier: assigned }), // [v5 3.1.3-7]
    topicAliasMaximum: limits.topicAliases,
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: true,
    ...(keepAliveSeconds !== packet.keepAliveSeconds && { serverKeepAlive: keepAliveSeconds }),
  });
  const maximumPacketBytes = properties.maximumPacketSize ?? 0xffffffff;
  const opened = {
    session,
    view,
    keepAliveSeconds,
    window: Math.min(properties.receiveMaximum ?? 0xffff, limits.inflight),
    maximumPacketBytes,
  };
  connection.open(opened, connack);
  broker.tell('onConnected', () => broker.options.onConnected?.(view, present));
}

/**
 * Our bound is binding for MQTT 5, which is told of it; what is not told is as the client asked [v5 3.2.2-22]. A 3.1.1 client
 * keeps what it asked for, for it cannot be told.
 */
function keepAliveOf(packet: ConnectPacket, maximum: number): number {
  if (packet.version === 4) return packet.keepAliveSeconds;
  return packet.keepAliveSeconds === 0 ? maximum : Math.min(packet.keepAliveSeconds, maximum);
}
