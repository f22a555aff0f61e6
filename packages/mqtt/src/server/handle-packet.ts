import type { DisconnectPacket, InboundPacket } from './codec/decode.ts';
import { PINGRESP } from './codec/encode.ts';
import type { Connection, Opened } from './connection.ts';
import { handlePublish } from './handle-publish.ts';
import { handleSubscribe, handleUnsubscribe } from './handle-subscribe.ts';
import { protocolError, REASON } from './reasons.ts';

/** Handles one packet of a client that is in. Throws a `Violation` for what ends the connection. */
export function handlePacket<P>(connection: Connection<P>, opened: Opened<P>, packet: InboundPacket): void {
  switch (packet.type) {
    case 'publish':
      handlePublish(connection, opened, packet);
      break;
    case 'puback':
      // One for nothing is harmless: it may answer what was sent before a resumption.
      opened.session.acknowledge(packet.packetId, connection.broker.now());
      break;
    case 'pingreq':
      connection.send(PINGRESP); // [MQTT-3.12.4-1]
      break;
    case 'subscribe':
      handleSubscribe(connection, opened, packet);
      break;
    case 'unsubscribe':
      handleUnsubscribe(connection, opened, packet);
      break;
    case 'disconnect':
      handleDisconnect(connection, opened, packet);
      break;
  }
}

function handleDisconnect<P>(connection: Connection<P>, opened: Opened<P>, packet: DisconnectPacket): void {
  const { session } = opened;
  const expiry = packet.properties.sessionExpiryInterval;
  if (expiry !== undefined) {
    // [MQTT-3.14.2-2] A session that was to end with its connection cannot be kept after all.
    if (expiry > 0 && session.expirySeconds === 0) throw protocolError('a session expiry that was 0 is raised');
    session.expirySeconds = Math.min(expiry, connection.broker.limits.sessionExpirySeconds);
  }
  // [MQTT-3.14.4-3] [MQTT-3.1.2-10] A normal end discards the will.
  if (packet.reason !== REASON.disconnectWithWill) connection.will = undefined;
  connection.close('client');
}
