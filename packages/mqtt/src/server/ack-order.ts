/** A QoS 1 publish of a client that is not acknowledged yet. */
export interface OpenAck {
  readonly packetId: number;
  /** The reason code; undefined while its handler runs. */
  reason: number | undefined;
}

interface AckSender {
  sendPuback(packetId: number, reason: number): void;
}

/** Sends PUBACKs in the order of their PUBLISH packets, whatever the order in which the handlers end. */
export class AckOrder {
  #open: OpenAck[] | undefined;
  readonly #sender: AckSender;

  constructor(sender: AckSender) {
    this.#sender = sender;
  }

  /** Publishes not acknowledged yet. */
  get size(): number {
    return this.#open?.length ?? 0;
  }

  begin(packetId: number): OpenAck {
    const ack: OpenAck = { packetId, reason: undefined };
    this.#open ??= [];
    this.#open.push(ack);
    return ack;
  }

  settle(ack: OpenAck, reason: number): void {
    ack.reason = reason;
    const open = this.#open ?? [];
    for (let first = open[0]; first?.reason !== undefined; first = open[0]) {
      open.shift();
      this.#sender.sendPuback(first.packetId, first.reason);
    }
  }

  /** Acknowledges a publish that needs no wait. */
  acknowledge(packetId: number, reason: number): void {
    if (this.size === 0) this.#sender.sendPuback(packetId, reason);
    else this.#open?.push({ packetId, reason });
  }
}
