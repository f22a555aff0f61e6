import { expect, test } from 'vitest';
import { createBatcher } from './batch.ts';

const limits = { maxBatch: 3, maxWaiting: 5 };

test('what arrives while a list is worked on becomes the next lists, in order, each item with its own answer', async () => {
  const lists: (readonly number[])[] = [];
  const batcher = createBatcher(async (items: readonly number[]) => {
    lists.push(items);
    if (items.includes(1)) later = [2, 3, 4, 5].map((item) => batcher.submit(item));
    return items.map((item) => item * 10);
  }, limits);
  let later: Promise<number>[] = [];
  expect(await batcher.submit(1)).toBe(10);
  expect(await Promise.all(later)).toEqual([20, 30, 40, 50]);
  expect(lists).toEqual([[1], [2, 3, 4], [5]]);
});

test('what several connections send in one turn of the event loop is one list, though the work never waits', async () => {
  const lists: (readonly number[])[] = [];
  const batcher = createBatcher(async (items: readonly number[]) => {
    lists.push(items); // As SQLite: done without giving the event loop back.
    return items;
  }, limits);
  // Callbacks of one phase, as those of sockets that are readable at once; what is awaited goes on between them.
  const answers = [1, 2, 3].map(
    (item) => new Promise<number>((resolve) => setImmediate(() => void batcher.submit(item).then(resolve))),
  );
  expect(await Promise.all(answers)).toEqual([1, 2, 3]);
  expect(lists).toEqual([[1, 2, 3]]);
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
  const accepted = [1, 2, 3, 4, 5].map((item) => batcher.submit(item));
  await expect(batcher.submit(6)).rejects.toMatchObject({ code: 'ThrottlingException', retryable: true });
  await expect(Promise.all(accepted)).resolves.toEqual([1, 2, 3, 4, 5]);
  await batcher.idle();
});
