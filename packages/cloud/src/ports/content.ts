/** Bytes that came whole and are on the disk, but not under their hash yet. Hashes in lower-case hex, size in bytes. */
export interface ReceivedContent {
  readonly sha256: string;
  readonly md5: string;
  readonly size: number;
  /** Puts them under their hash; durable when it resolves. */
  keep(): Promise<void>;
  /** Gives them up, unless they were kept. Call it in the end, whatever happened. */
  discard(): Promise<void>;
}

/** Bytes by their SHA-256. Content is immutable; keeping the same bytes twice keeps one copy. */
export interface ContentStore {
  /** Takes as long as the sender. Fails with `EntityTooLarge` above `maxBytes`. */
  receive(bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<ReceivedContent>;
  /** Undefined when there is no such content. `start` and `end` are inclusive byte positions. */
  open(sha256: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined>;
  size(sha256: string): Promise<number | undefined>;
  delete(sha256: string): Promise<void>;
}
