import { expect } from 'vitest';

/** Whole epoch seconds: a fraction makes nucleus lite drop the message, milliseconds make every job old. */
export const seconds: number = expect.toSatisfy(
  (value: unknown) => typeof value === 'number' && Number.isInteger(value) && value > 1.6e9 && value < 1e10,
  'whole epoch seconds',
);

export const text: string = expect.any(String);
