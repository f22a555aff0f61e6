import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SentEvent, sentEvents } from './server-sent-events.ts';

async function read(...parts: readonly Uint8Array[]): Promise<SentEvent[]> {
  const all: SentEvent[] = [];
  const body = (async function* () {
    yield* parts;
  })();
  for await (const message of sentEvents(body)) all.push(message);
  return all;
}

const text =
  ': hello\n\nid: 7\nevent: transition\ndata: {"a":\ndata: "é😀"}\n\nretry: 1000\n\ndata:x\n\nid: 8\ndata: cut off';
const expected = [
  { id: '7', event: 'transition', data: '{"a":\n"é😀"}' },
  { event: 'message', data: 'x' },
];

describe('server-sent events', () => {
  test('come out whole, without comments, and without what is cut off', async () => {
    expect(await read(Buffer.from(text))).toEqual(expected);
  });

  test('are the same wherever the body is cut', async () => {
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        expect(await read(...at.slice(1).map((end, index) => bytes.subarray(at[index], end)))).toEqual(expected);
      }),
    );
  });
});
