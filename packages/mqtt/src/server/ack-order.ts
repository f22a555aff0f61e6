/** A QoS 1 publish of a client that is not acknowledged yet. */
export interface OpenAck {
  readonly packetId: number;
  /** The reason code; undefined while its handler runs. */
  reason: number | undefined;
}

/** Sends PUBACKs in the order of their PUBLISH packets, whatever the order in which the handlers end [MQTT-4.6.0-2]. */
export class AckOrder {
  readonly #open: OpenAck[] = [];
  readonly #send: (packetId: number, reason: number) => void;

  constructor(send: (packetId: number, reason: number) => void) {
    this.#send = send;
  }

  /** Publishes not acknowledged yet. */
  get size(): number {
    return this.#open.length;
  }

  begin(packetId: number): OpenAck {
    const ack: OpenAck = { packetId, reason: undefined };
    this.#open.push(ack);
    return ack;
  }

  settle(ack: OpenAck, reason: number): void {
    ack.reason = reason;
    for (let first = this.#open[0]; first?.reason !== undefined; first = this.#open[0]) {
      this.#open.shift();
      this.#send(first.packetId, first.reason);
    }
  }

  /** Acknowledges a publish that needs no wait. */
  acknowledge(packetId: number, reason: number): void {
    if (this.#open.length === 0) this.#send(packetId, reason);
    else this.#open.push({ packetId, reason });
  }
}
