import { expect, test } from 'vitest';
import { createContentGate } from './content-gate.ts';

test('a sweep waits for uploads under way, and uploads that come wait for it', async () => {
  const gate = createContentGate();
  const happened: string[] = [];
  const first = Promise.withResolvers<void>();
  const upload = gate.upload(async () => {
    happened.push('upload 1 begins');
    await first.promise;
    happened.push('upload 1 ends');
  });
  const sweep = gate.sweep(async () => {
    happened.push('sweep');
  });
  const late = gate.upload(async () => {
    happened.push('upload 2');
  });
  first.resolve();
  await Promise.all([upload, sweep, late]);
  expect(happened).toEqual(['upload 1 begins', 'upload 1 ends', 'sweep', 'upload 2']);
});

test('a sweep that fails lets the next ones and uploads through', async () => {
  const gate = createContentGate();
  await expect(
    gate.sweep(async () => {
      throw new Error('disk');
    }),
  ).rejects.toThrow('disk');
  await gate.sweep(async () => {});
  await expect(gate.upload(async () => 'stored')).resolves.toBe('stored');
});
