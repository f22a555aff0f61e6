import { expect, test } from 'vitest';
import { createBatcher } from './batch.ts';

const limits = { maxBatch: 3, maxWaiting: 5 };

test('what arrives while a list is worked on becomes the next list, in order, each item with its own answer', async () => {
  const lists: (readonly number[])[] = [];
  const batcher = createBatcher(async (items: readonly number[]) => {
    lists.push(items);
    await Promise.resolve();
    return items.map((item) => item * 10);
  }, limits);
  const answers = await Promise.all([1, 2, 3, 4, 5].map((item) => batcher.submit(item)));
  expect(answers).toEqual([10, 20, 30, 40, 50]);
  expect(lists).toEqual([[1], [2, 3, 4], [5]]);
});

test('an item that cannot be done fails alone: the rest of its list is done', async () => {
  const batcher = createBatcher(async (items: readonly number[]) => {
    if (items.includes(3)) throw new Error('broken');
    return items;
  }, limits);
  const answers = await Promise.allSettled([1, 2, 3, 4].map((item) => batcher.submit(item)));
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

test('too many waiting are refused as throttled', async () => {
  const batcher = createBatcher(async (items: readonly number[]) => items, limits);
  const accepted = [1, 2, 3, 4, 5, 6].map((item) => batcher.submit(item));
  await expect(batcher.submit(7)).rejects.toMatchObject({ code: 'ThrottlingException', retryable: true });
  await expect(Promise.all(accepted)).resolves.toEqual([1, 2, 3, 4, 5, 6]);
  await batcher.idle();
});
