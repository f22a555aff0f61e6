import { StringDecoder } from 'node:string_decoder';

/** A line longer than this many characters is passed on in pieces, so that a process without line ends costs no memory. */
const maxLine = 64 * 1024;

/**
 * Splits output into lines at `\n` and `\r`, without their ends and surrounding blanks; blank lines are dropped, as the
 * reference runtime does. Characters that arrive in two pieces are put together; bytes that are not UTF-8 become U+FFFD.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    this.#text(this.#decoder.write(chunk));
  }

  /** Passes on what came after the last line end. */
  end(): void {
    this.#text(this.#decoder.end());
    this.#emit(this.#rest);
    this.#rest = '';
  }

  #text(text: string): void {
    const pieces = (this.#rest + text).split(/[\r\n]+/);
    let rest = pieces.pop() ?? '';
    for (const piece of pieces) this.#bounded(piece, 0);
    if (rest.length > maxLine) rest = this.#bounded(rest, maxLine);
    this.#rest = rest;
  }

  /** Emits `text` in pieces of `maxLine` until at most `keep` characters are left, and returns those. */
  #bounded(text: string, keep: number): string {
    let at = 0;
    while (text.length - at > Math.max(keep, 0)) {
      let end = Math.min(at + maxLine, text.length);
      // A piece must not end between the two halves of a surrogate pair.
      const last = text.charCodeAt(end - 1);
      if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
      this.#emit(text.slice(at, end));
      at = end;
    }
    return text.slice(at);
  }

  #emit(line: string): void {
    const trimmed = line.trim();
    if (trimmed !== '') this.#onLine(trimmed);
  }
}
