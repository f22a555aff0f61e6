/** Bytes by their SHA-256. Content is immutable; putting the same bytes twice keeps one copy. */
export interface ContentStore {
  /** Durable when it resolves. Hash in lower-case hex, size in bytes. Fails with `EntityTooLarge` above `maxBytes`. */
  put(bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<{ sha256: string; md5: string; size: number }>;
  /** Undefined when there is no such content. `start` and `end` are inclusive byte positions. */
  open(sha256: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined>;
  size(sha256: string): Promise<number | undefined>;
  delete(sha256: string): Promise<void>;
}
