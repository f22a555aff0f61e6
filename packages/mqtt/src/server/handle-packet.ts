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
      connection.send(PINGRESP); // [v3 3.12.4-1] [v5 3.12.4-1]
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
    // A session that was to end with its connection cannot be kept after all (MQTT 5, 3.14.2.2.2).
    if (expiry > 0 && session.expirySeconds === 0) throw protocolError('a session expiry that was 0 is raised');
    session.expirySeconds = Math.min(expiry, connection.broker.limits.sessionExpirySeconds);
  }
  // A normal end, and no other, discards the will [v3 3.1.2-10 3.14.4-3] [v5 3.1.2-10 3.14.4-3].
  if (packet.reason === REASON.success) session.will = undefined;
  connection.close('client');
}
