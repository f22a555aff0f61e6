import { Fault } from '@greensward/kit';

/** Reason codes of MQTT 5 (section 2.4) that this server sends or understands. */
export const REASON = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  unspecified: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdNotValid: 0x85,
  badCredentials: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  qosNotSupported: 0x9b,
  connectionRateExceeded: 0x9f,
} as const;

/** What a client did against the protocol; it ends that connection with `reason` [v3 4.8.0-1] [v5 4.13.1-1] and nothing else. */
export class Violation extends Fault {
  readonly reason: number;

  constructor(reason: number, message: string) {
    super('MqttViolation', message, { context: { reason } });
    this.reason = reason;
  }
}

export function malformed(message: string): Violation {
  return new Violation(REASON.malformedPacket, message);
}

export function protocolError(message: string): Violation {
  return new Violation(REASON.protocolError, message);
}
