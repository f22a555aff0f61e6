import { expect, test } from 'vitest';
import { rangeOf, sendBytes } from './range.ts';

test.each([
  ['bytes=0-9', 100, { start: 0, end: 9 }],
  ['bytes=90-', 100, { start: 90, end: 99 }],
  ['bytes=-10', 100, { start: 90, end: 99 }],
  ['bytes=-200', 100, { start: 0, end: 99 }],
  ['bytes=50-900', 100, { start: 50, end: 99 }],
  ['bytes=9-3', 100, undefined],
  ['bytes=-', 100, undefined],
  ['bytes=0-1,4-5', 100, undefined],
  ['lines=0-1', 100, undefined],
  [undefined, 100, undefined],
])('Range %s of %d bytes', (header, size, expected) => {
  expect(rangeOf(header, size)).toEqual(expected);
});

test.each([
  ['bytes=100-', 100],
  ['bytes=-0', 100],
  ['bytes=0-', 0],
])('Range %s of %d bytes is not satisfiable', (header, size) => {
  expect(() => rangeOf(header, size)).toThrow(expect.objectContaining({ code: 'InvalidRange' }));
});

test('a part is told with Content-Range and its own length', async () => {
  const answer = await sendBytes(100, { start: 10, end: 19 }, undefined, {});
  expect(answer).toMatchObject({
    status: 206,
    headers: { 'content-range': 'bytes 10-19/100', 'content-length': '10', 'accept-ranges': 'bytes' },
  });
});
