import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTelemetry } from './telemetry.ts';

const read = (message: unknown) => readTelemetry(Buffer.from(JSON.stringify(message)));

test('a message of the reference is kept as it is', () => {
  const message = {
    Schema: '2022-06-30',
    ADP: [
      { TS: 1_767_225_600_000, NS: 'SystemMetrics', M: [{ N: 'CpuUsage', U: 'Percent', Sum: 15.45 }] },
      { TS: 1_767_225_600_000, NS: 'SystemMetrics', M: [{ N: 'OSName', U: 'Debian GNU/Linux', Sum: 1 }] },
      { TS: 1_767_225_600_000, NS: 'GreengrassComponents', M: [] },
    ],
  };
  expect(read(message)).toEqual(message);
});

test('members that are not known are dropped, whatever they hold', () => {
  const metric = { N: 'a', Sum: 1, deep: [[[[]]]], text: 'x', constructor: 2 };
  expect(read({ Schema: 's', more: {}, ADP: [{ TS: 1, NS: 'n', M: [metric], X: 1 }] })).toEqual({
    Schema: 's',
    ADP: [{ TS: 1, NS: 'n', M: [{ N: 'a', Sum: 1, constructor: 2 }] }],
  });
});

test('what is no telemetry is refused, and what is larger than 128,000 bytes', () => {
  const invalid = expect.objectContaining({ code: 'TELEMETRY_NOT_VALID' });
  expect(() => readTelemetry(Buffer.from([0xff]))).toThrow(invalid);
  expect(() => readTelemetry(Buffer.alloc(128_001, 0x20))).toThrow(invalid);
  for (const message of [
    [],
    null,
    {},
    { Schema: 's', ADP: [1] },
    { Schema: 's', ADP: [{ TS: 1, NS: 'n', M: [{}] }] },
  ]) {
    expect(() => read(message)).toThrow(invalid);
  }
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(() => readTelemetry(bytes)).toThrow(invalid);
    }),
  );
});
