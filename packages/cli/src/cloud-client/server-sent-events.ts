/** One message of a stream of server-sent events. */
export interface SentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** The messages of a body, as it arrives (WHATWG HTML, 9.2.6). One that is cut off by the end of the body is none. */
export async function* sentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<SentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let fields = new Map<string, string>();
  for await (const part of body) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        const [id, data] = [fields.get('id'), fields.get('data')];
        if (data !== undefined)
          yield { ...(id === undefined ? {} : { id }), event: fields.get('event') ?? 'message', data };
        fields = new Map();
        continue;
      }
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      // A line that begins with a colon is a comment: its name is empty.
      if (name === '') continue;
      const before = name === 'data' ? fields.get('data') : undefined;
      fields.set(name, before === undefined ? value : `${before}\n${value}`);
    }
  }
}
