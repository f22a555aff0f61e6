import { Fault } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageOf, pager } from './page-token.ts';

describe('page tokens', () => {
  test('a token brings back its key, and is a legal IoT marker', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 128 }), (text) => {
        const key = text.replaceAll('\0', ''); // No database of ours holds one.
        const pages = pager('ListThings', { attributeName: 'a' });
        const token = pages.token(key);
        expect(token).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
        expect(pages.request(token, 7)).toEqual({ limit: 7, after: key });
      }),
    );
  });

  test('the last page has no token', () => {
    expect(pager('ListThings', {}).token(undefined)).toBeUndefined();
  });

  test.each([
    ['of another operation', pager('ListJobs', {}).token('k')],
    ['of another filter', pager('ListThings', { thingTypeName: 'other' }).token('k')],
    ['that is garbage', 'garbage'],
    ['that is empty', ''],
    ['that was made up with a NUL', pager('ListThings', {}).token('a\0')],
    ['that is base64 of something else', Buffer.from('[1,2]').toString('base64')],
  ])('a token %s is refused, naming the member', (_what, token) => {
    const pages = pager('ListThings', {}, 'marker');
    try {
      pages.request(token, 10);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
      expect(error).toMatchObject({ code: 'ValidationException', context: { fields: [{ name: 'marker' }] } });
    }
  });

  test('an undefined filter member is the same as none', () => {
    const token = pager('ListThings', { a: undefined, b: 1 }).token('k');
    expect(pager('ListThings', { b: 1 }).request(token, 1)).toEqual({ limit: 1, after: 'k' });
  });

  test('pages of a list in memory cover it once, in order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: 1, max: 5 }), (items, limit) => {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = pageOf(items, { limit, ...(after === undefined ? {} : { after }) }, (item) => item);
          seen.push(...page.items);
          after = page.next;
        } while (after !== undefined);
        expect(seen).toEqual(items);
      }),
    );
  });

  test('a list goes on behind an item that was removed meanwhile', () => {
    const rest = (after: string) => pageOf(['a', 'c', 'e'], { limit: 9, after }, (item) => item).items;
    expect(rest('b')).toEqual(['c', 'e']);
    expect(rest('f')).toEqual([]);
  });
});
