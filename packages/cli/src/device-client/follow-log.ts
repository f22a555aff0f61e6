import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/** A log file as it grows: a rotated one is read to its end before the next one is begun. */
export class LogTail {
  readonly #path: string;
  #file: number | undefined;
  #at = 0;
  #decoder = new StringDecoder('utf8');

  constructor(path: string) {
    this.#path = path;
  }

  /** What has come since the last call; all of the file at the first. Empty as long as there is none. */
  read(): string {
    let text = this.#readOpen();
    if (this.#isReplaced()) {
      // It may have grown between the last read and its end.
      text += this.#readOpen();
      this.close();
      text += this.#readOpen();
    }
    return text;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#at = 0;
    this.#decoder = new StringDecoder('utf8');
  }

  #readOpen(): string {
    try {
      this.#file ??= openSync(this.#path, 'r');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
    // Emptied in place.
    if (fstatSync(this.#file).size < this.#at) this.#at = 0;
    const chunk = Buffer.alloc(64 * 1024);
    let text = '';
    for (;;) {
      const length = readSync(this.#file, chunk, 0, chunk.length, this.#at);
      if (length === 0) return text;
      this.#at += length;
      text += this.#decoder.write(chunk.subarray(0, length));
    }
  }

  #isReplaced(): boolean {
    if (this.#file === undefined) return false;
    const now = statSync(this.#path, { throwIfNoEntry: false });
    const open = fstatSync(this.#file);
    return now !== undefined && (now.ino !== open.ino || now.dev !== open.dev);
  }
}
