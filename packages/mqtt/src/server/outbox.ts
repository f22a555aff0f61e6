import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';

/** Packets on their way to a peer: gathered while the current work goes on, then written together. */
export class Outbox {
  readonly #stream: Duplex;
  readonly #written: () => void;
  #parts: Buffer[] | undefined;
  #partBytes = 0;

  /** `owner.written` is called when the peer has taken a write. */
  constructor(stream: Duplex, owner: { written(): void }) {
    this.#stream = stream;
    this.#written = () => owner.written();
  }

  /** Bytes that the peer has not taken. */
  get bytes(): number {
    return this.#partBytes + this.#stream.writableLength;
  }

  add(packet: Buffer): void {
    if (!this.#parts) {
      this.#parts = [];
      // One function for all, and its argument: a closure each would cost memory.
      nextTick(flush, this);
    }
    this.#parts.push(packet);
    this.#partBytes += packet.length;
  }

  flush(): void {
    const parts = this.#parts;
    const [first] = parts ?? [];
    if (!parts || !first) return;
    const bytes = parts.length === 1 ? first : Buffer.concat(parts, this.#partBytes);
    this.#parts = undefined;
    this.#partBytes = 0;
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    // The callback and not `drain`: our bounds are not the stream's, which has no event for them.
    this.#stream.write(bytes, this.#written);
  }
}

function flush(outbox: Outbox): void {
  outbox.flush();
}
