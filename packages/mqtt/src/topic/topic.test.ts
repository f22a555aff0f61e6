import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTopicFilter, isTopicName, TopicTrie, topicMatches } from './topic.ts';

const level = fc.constantFrom('a', 'b', 'c', '', '$aws', '__proto__', 'constructor', 'toString');
const topics = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const filters = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 5 }), fc.boolean())
  .map(([levels, deep]) => [...levels, ...(deep || levels.length === 0 ? ['#'] : [])].join('/'));

/** The definition of the standard, by brute force: `+` and `#` tried as a regular expression over escaped levels. */
function bruteForce(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const quote = (text: string) => text.replace(/[$.*+?^(){}|[\]\\]/g, '\\$&');
  const source = filter
    .split('/')
    .map((part) => (part === '+' ? '[^/]*' : part === '#' ? '#' : quote(part)))
    .join('/');
  const pattern = source === '#' ? '.*' : source.endsWith('/#') ? `${source.slice(0, -2)}(/.*)?` : source;
  return new RegExp(`^${pattern}$`, 's').test(topic);
}

describe('topic names', () => {
  test.each(['a', '/', '//', 'a/b', ' ', '$aws/things/core/jobs', 'a'.repeat(65535), '\u{1f600}', '$'])(
    'accepts a valid name (%#)',
    (topic) => expect(isTopicName(topic)).toBe(true),
  );
  test.each(['', 'a+', '+', '#', 'a/#', 'a\0b', 'a'.repeat(65536), '\u00e9'.repeat(32768), '\ud800'])(
    'refuses an empty, wild, overlong or ill-formed name [v3 4.7.1-1 4.7.3-1 4.7.3-2 4.7.3-3] [v5 4.7.3-1 4.7.3-2 4.7.3-3] (%#)',
    (topic) => expect(isTopicName(topic)).toBe(false),
  );
  test('counts bytes of UTF-8, not characters', () => {
    expect(isTopicName('\u00e9'.repeat(32767))).toBe(true);
    expect(isTopicName('\u{1f600}'.repeat(16383))).toBe(true);
    expect(isTopicName('\u{1f600}'.repeat(16384))).toBe(false);
    expect(isTopicName('\u20ac'.repeat(21846))).toBe(false);
  });
  test('allows 256 levels and no more', () => {
    expect(isTopicName('/'.repeat(255))).toBe(true);
    expect(isTopicName('/'.repeat(256))).toBe(false);
    expect(isTopicFilter('+/'.repeat(255).concat('+'))).toBe(true);
    expect(isTopicFilter('+/'.repeat(256).concat('+'))).toBe(false);
  });
});

describe('topic filters', () => {
  test.each(['#', '+', '+/+', 'a/#', '/#', 'a/+/b', '+/a/#', '/+', '$aws/things/+/jobs/#'])('accepts %s', (filter) =>
    expect(isTopicFilter(filter)).toBe(true),
  );
  test.each(['', 'a#', '#/a', 'a/#/b', 'a+', '+a', 'a/+b/c', '##', '++', 'a\0', '\udc00'])(
    'refuses a misplaced wildcard [v3 4.7.1-2 4.7.1-3] [v5 4.7.1-1 4.7.1-2] (%#)',
    (filter) => expect(isTopicFilter(filter)).toBe(false),
  );
});

describe('matching', () => {
  test.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/a', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/monitor', true],
    ['a/$x', 'a/$x', true],
    ['a/+', 'a/$x', true],
  ])('%s against %s is %s [v3 4.7.2-1] [v5 4.7.2-1]', (filter, topic, expected) => {
    expect(topicMatches(filter, topic)).toBe(expected);
  });

  test('agrees with a brute-force matcher', () => {
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        expect(topicMatches(filter, topic)).toBe(bruteForce(filter, topic));
      }),
    );
  });
});

describe('the trie', () => {
  test('finds exactly what a brute-force search finds, after additions and removals', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), filters, fc.integer({ min: 0, max: 3 })), { maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.array(topics, { minLength: 1, maxLength: 8 }), (changes, published) => {
        const trie = new TopicTrie<number, string>();
        const model = new Map<string, Map<number, string>>();
        for (const [add, filter, key] of changes) {
          const keys = model.get(filter) ?? new Map<number, string>();
          model.set(filter, keys);
          if (add) {
            expect(trie.set(filter, key, `${filter} ${key}`)).toBe(keys.get(key));
            keys.set(key, `${filter} ${key}`);
          } else expect(trie.delete(filter, key)).toBe(keys.delete(key));
        }
        expect(trie.size).toBe([...model.values()].reduce((sum, keys) => sum + keys.size, 0));
        for (const topic of published) {
          const found: string[] = [];
          trie.match(topic, (_key, value) => found.push(value));
          const wanted = [...model].filter(([filter]) => bruteForce(filter, topic)).flatMap(([, k]) => [...k.values()]);
          expect(found.sort()).toEqual(wanted.sort());
        }
      }),
    );
  });

  test('holds one value for each filter and key', () => {
    const trie = new TopicTrie<string, number>();
    trie.set('a/+', 'k', 1);
    expect(trie.set('a/+', 'k', 2)).toBe(1);
    const found: number[] = [];
    trie.match('a/b', (_key, value) => found.push(value));
    expect(found).toEqual([2]);
  });
});
