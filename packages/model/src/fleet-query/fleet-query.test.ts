import { Fault } from '@greensward/kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FleetQuery, matchesQuery, parseFleetQuery, sourcesOf, type ThingDocument } from './fleet-query.ts';

const thing = (rest: Partial<ThingDocument> = {}): ThingDocument => ({
  thingName: 'myThingName',
  thingId: '0b1d',
  thingGroupNames: [],
  attributes: {},
  shadows: new Map(),
  ...rest,
});
const withAttributes = (attributes: Record<string, string>) => thing({ attributes });
const reports = (reported: NonNullable<ReturnType<ThingDocument['shadows']['get']>>['reported'], name = '') =>
  thing({ shadows: new Map([[name, reported === undefined ? {} : { reported }]]) });
const finds = (query: string, document: ThingDocument) => matchesQuery(parseFleetQuery(query), document);

// The examples of IoT's documentation ("Example thing queries"), each with a thing that it finds and one that it does not.
test.each<readonly [query: string, found: ThingDocument, not: ThingDocument]>([
  ['abc', withAttributes({ a: 'ABC' }), withAttributes({ abc: 'a' })],
  ['abc', reports({ deep: { list: [1, 'abc'] } }), reports({ abc: 1 })],
  ['thingName:myThingName', thing(), thing({ thingName: 'another' })],
  ['thingName:my*', thing(), thing({ thingName: 'amy' })],
  ['thingName:*my', thing({ thingName: 'amy' }), thing()],
  ['thingName:*my*', thing({ thingName: 'amyb' }), thing({ thingName: 'm-y' })],
  ['thingName:ab?', thing({ thingName: 'abc' }), thing({ thingName: 'ab' })],
  ['thingTypeName:aa', thing({ thingTypeName: 'aa' }), thing({ thingTypeName: 'aab' })],
  ['thingGroupNames:a', thing({ thingGroupNames: ['b', 'a'] }), thing({ thingGroupNames: ['ab'] })],
  ['thingGroupNames:a*', thing({ thingGroupNames: ['b', 'ab'] }), thing()],
  ['attributes.myAttribute:75', withAttributes({ myAttribute: '75' }), withAttributes({ myattribute: '75' })],
  ['attributes.myAttribute:[75 TO 80]', withAttributes({ myAttribute: '80' }), withAttributes({ myAttribute: '8' })],
  ['attributes.myAttribute:{75 TO 80]', withAttributes({ myAttribute: '75.5' }), withAttributes({ myAttribute: '75' })],
  [
    'attributes.serialNumber:["abcd" TO "abcf"]',
    withAttributes({ serialNumber: 'abce' }),
    withAttributes({ serialNumber: 'abcfa' }),
  ],
  ['attributes.myAttribute:i*t', withAttributes({ myAttribute: 'iot' }), withAttributes({ myAttribute: 'iota' })],
  [
    'attributes.attr1:abc AND attributes.attr2<5 NOT attributes.attr3>10',
    withAttributes({ attr1: 'abc', attr2: '4', attr3: '10' }),
    withAttributes({ attr1: 'abc', attr2: '4', attr3: '11' }),
  ],
  ['shadow.hasDelta:true', thing({ shadows: new Map([['', { delta: { a: 1 } }]]) }), reports({})],
  ['NOT attributes.model:legacy', thing(), withAttributes({ model: 'legacy' })],
  [
    'shadow.reported.stats.battery:{70 TO 100} (v2 OR v3) NOT attributes.model:legacy',
    { ...reports({ stats: { battery: 71 }, firmware: 'v3' }), attributes: { model: 'new' } },
    { ...reports({ stats: { battery: 70 }, firmware: 'v3' }), attributes: { model: 'new' } },
  ],
  ['shadow.reported.myvalues:2', reports({ myvalues: [1, 2] }), reports({ myvalues: [12] })],
  [
    'shadow.reported.location:* NOT shadow.desired.stats.battery:*',
    reports({ location: 'x' }),
    thing({ shadows: new Map([['', { reported: { location: 'x' }, desired: { stats: { battery: 1 } } }]]) }),
  ],
  ['shadow.name.config.reported.mode:eco', reports({ mode: 'eco' }, 'config'), reports({ mode: 'eco' })],
  [
    'connectivity.connected:true',
    thing({ connectivity: { connected: true, timestamp: 1 } }),
    thing({ connectivity: { connected: false, timestamp: 1 } }),
  ],
  ['connectivity.connected:false', thing({ connectivity: { connected: false, timestamp: 1 } }), thing()],
  [
    'connectivity.connected:true AND connectivity.timestamp : [1557651600000 TO 1557867600000]',
    thing({ connectivity: { connected: true, timestamp: 1557651600000 } }),
    thing({ connectivity: { connected: true, timestamp: 1557867600001 } }),
  ],
  [
    'connectivity.connected:true AND connectivity.timestamp > 1557651600000',
    thing({ connectivity: { connected: true, timestamp: 1557651600001 } }),
    thing({ connectivity: { connected: true, timestamp: 1557651600000 } }),
  ],
  ['connectivity.connected:*', thing({ connectivity: { connected: false, timestamp: 1 } }), thing()],
  [
    'connectivity.disconnectReason:CLIENT_INITIATED_DISCONNECT',
    thing({ connectivity: { connected: false, timestamp: 1, disconnectReason: 'CLIENT_INITIATED_DISCONNECT' } }),
    thing({ connectivity: { connected: true, timestamp: 1 } }),
  ],
  ['thingName:(tv* AND -plasma)', thing({ thingName: 'tv-1' }), thing({ thingName: 'tele' })],
  ['thingName:abc thingTypeName:xyz', thing({ thingName: 'abc', thingTypeName: 'xyz' }), thing({ thingName: 'abc' })],
])('%s finds what it describes and nothing else', (query, found, not) => {
  expect(finds(query, found)).toBe(true);
  expect(finds(query, not)).toBe(false);
});

test('* finds every thing, and * of a field those that have it', () => {
  expect(finds('*', thing())).toBe(true);
  expect(finds('attributes.a:*', withAttributes({ a: '' }))).toBe(true);
  expect(finds('attributes.a:*', thing())).toBe(false);
});

test('case is looked at in the names of fields only', () => {
  expect(finds('attributes.Site:NORTH', withAttributes({ Site: 'north' }))).toBe(true);
  expect(finds('attributes.site:north', withAttributes({ Site: 'north' }))).toBe(false);
});

test('a value of several words is found by each of them, by phrases of it, and by no other', () => {
  const room = reports({ room: 'North Wing second floor' });
  for (const query of ['wing', 'shadow.reported.room:sec*', 'shadow.reported.room:"wing SECOND"', '"second floor"']) {
    expect(finds(query, room), query).toBe(true);
  }
  for (const query of ['"north second"', 'shadow.reported.room:win', '"wing second floor four"']) {
    expect(finds(query, room), query).toBe(false);
  }
});

test('numbers are equal however they are written, and in quotation marks they are texts', () => {
  expect(finds('shadow.reported.rpm:75.0', reports({ rpm: 75 }))).toBe(true);
  expect(finds('shadow.reported.rpm:"75.0"', reports({ rpm: 75 }))).toBe(false);
  expect(finds('attributes.t:-5', withAttributes({ t: '-5' }))).toBe(true);
  expect(finds('attributes.t<-4', withAttributes({ t: '-5' }))).toBe(true);
  expect(finds('attributes.t:[* TO 5}', withAttributes({ t: 'cold' }))).toBe(false);
  expect(finds('attributes.t:[* TO *]', withAttributes({ t: 'cold' }))).toBe(true);
});

test('OR binds less than AND, and AND less than NOT', () => {
  const a = withAttributes({ a: '1' });
  expect(finds('attributes.a:1 OR attributes.b:1 AND attributes.c:1', a)).toBe(true);
  expect(finds('(attributes.a:1 OR attributes.b:1) AND attributes.c:1', a)).toBe(false);
  expect(finds('NOT attributes.b:1 attributes.a:1', a)).toBe(true);
  expect(finds('NOT (attributes.b:1 OR attributes.a:1)', a)).toBe(false);
  expect(finds('NOT NOT attributes.a:1', a)).toBe(true);
});

test('special characters are written with a backslash or in quotation marks; operators are capitals', () => {
  expect(finds('thingName:a\\:b', thing({ thingName: 'a:b' }))).toBe(true);
  expect(finds('thingName:"a:b"', thing({ thingName: 'a:b' }))).toBe(true);
  expect(finds('attributes.a\\:b:1', withAttributes({ 'a:b': '1' }))).toBe(true);
  expect(finds('attributes.a:\\*', withAttributes({ a: 'x' }))).toBe(false);
  expect(finds('attributes.a:[2020-01 TO 2020-03]', withAttributes({ a: '2020-02' }))).toBe(true);
  expect(finds('attributes.a:or', withAttributes({ a: 'or' }))).toBe(true);
});

test('keys with dots, lists of objects and members of prototypes are only keys', () => {
  expect(finds('shadow.reported.a.b.c:1', reports({ 'a.b': { c: 1 } }))).toBe(true);
  expect(finds('shadow.reported.pumps.rpm>10', reports({ pumps: [{ rpm: 5 }, { rpm: 11 }] }))).toBe(true);
  expect(finds('shadow.reported.constructor:*', reports({}))).toBe(false);
  expect(finds('attributes.toString:*', thing())).toBe(false);
});

test.each([
  ['', 1, 'a term is expected'],
  ['thingName:', 11, 'a value is expected'],
  ['thingName:a AND', 16, 'a term is expected'],
  ['OR a', 1, 'a term is expected'],
  ['(thingName:a', 1, 'not closed'],
  ['a )', 3, 'unexpected )'],
  ['thingName:"abc', 11, 'not closed'],
  ['attributes.a:[1 2]', 17, 'TO is expected'],
  ['attributes.a:[1 TO 2', 14, 'not closed'],
  ['[1 TO 2]', 1, 'needs a field'],
  ['attributes.a:{1* TO 2}', 15, 'no wildcards'],
  ['attributes.*:1', 1, 'no wildcards'],
  ['attributes.a>', 14, 'a value is expected'],
  ['thingName:a:b', 12, 'colon'],
  ['thingName:(a attributes.b:1)', 14, 'inside the group'],
  ['thingName:*a thingTypeName:*b', 28, 'only one term'],
  ['a\\', 2, 'after the last'],
])('%s is refused at character %i', (query, at, message) => {
  expect(() => parseFleetQuery(query)).toThrow(`queryString, character ${at}: `);
  expect(() => parseFleetQuery(query)).toThrow(message);
});

test('a query has at most 12 terms and 1000 characters, and 100 with a leading wildcard', () => {
  const terms = (count: number) => Array.from({ length: count }, (_, index) => `attributes.a:${index}`).join(' OR ');
  expect(() => parseFleetQuery(terms(12))).not.toThrow();
  expect(() => parseFleetQuery(terms(13))).toThrow('more than 12 terms');
  expect(() => parseFleetQuery(`thingName:${'a'.repeat(990)}`)).not.toThrow();
  expect(() => parseFleetQuery(`thingName:${'a'.repeat(991)}`)).toThrow('1000 characters');
  expect(() => parseFleetQuery(`thingName:*${'a'.repeat(90)}`)).toThrow('100 characters');
});

test('a query says what it looks at', () => {
  const sources = (query: string) => [...sourcesOf(parseFleetQuery(query))].sort();
  expect(sources('*')).toEqual([]);
  expect(sources('abc')).toEqual(['groups', 'registry', 'shadow/*']);
  expect(sources('NOT attributes.a:1 AND (thingGroupNames:b OR connectivity.connected:true)')).toEqual([
    'connectivity',
    'groups',
    'registry',
  ]);
  expect(sources('shadow.reported.a:1 registry.thingTypeName:x')).toEqual(['registry', 'shadow/']);
  expect(sources('shadow.name.config.reported.a:1')).toEqual(['shadow/config']);
  expect(sources('unknown:1')).toEqual([]);
});

test('any text is a query or is refused as one', () => {
  const pieces = fc.constantFrom('(', ')', '[', ']', '{', '}', '"', ':', '<', '>', '=', '\\', '*', '?', '-', ' ');
  const words = fc.constantFrom(
    'AND',
    'OR',
    'NOT',
    'TO',
    'thingName',
    'shadow.name.a.b',
    '1',
    'é',
    '\u{1f331}',
    '\ud800',
  );
  const texts = fc.array(fc.oneof(pieces, words, fc.string({ maxLength: 3 })), { maxLength: 30 });
  fc.assert(
    fc.property(texts, (parts) => {
      try {
        matchesQuery(parseFleetQuery(parts.join('')), reports({ a: ['\u{1f331}', { b: 'TO' }] }));
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'InvalidQueryException') throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

test('a query means what it is built from, however it is nested and spaced', () => {
  const fields = ['a', 'b', 'c'];
  const leaf = fc.record({ field: fc.constantFrom(...fields), value: fc.integer({ min: 0, max: 2 }) });
  type Attributes = ReadonlyMap<string, string>;
  interface Tree {
    readonly text: string;
    readonly holds: (attributes: Attributes) => boolean;
  }
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      leaf.map(({ field, value }) => ({
        text: `attributes.${field}:${value}`,
        holds: (attributes: Attributes) => attributes.get(field) === `${value}`,
      })),
      leaf.map(({ field, value }) => ({
        text: `attributes.${field} >=${value}`,
        holds: (attributes: Attributes) => Number(attributes.get(field) ?? -1) >= value,
      })),
      tie('tree').map(({ text, holds }) => ({
        text: `NOT (${text})`,
        holds: (attributes: Attributes) => !holds(attributes),
      })),
      fc.tuple(tie('tree'), fc.constantFrom(' AND ', ' ', '  AND  '), tie('tree')).map(([left, join, right]) => ({
        text: `(${left.text})${join}(${right.text} )`,
        holds: (attributes: Attributes) => left.holds(attributes) && right.holds(attributes),
      })),
      fc.tuple(tie('tree'), tie('tree')).map(([left, right]) => ({
        text: `(${left.text} OR ${right.text})`,
        holds: (attributes: Attributes) => left.holds(attributes) || right.holds(attributes),
      })),
    ),
  }));
  const documents = fc.dictionary(fc.constantFrom(...fields), fc.constantFrom('0', '1', '2'));
  fc.assert(
    fc.property(tree, documents, ({ text, holds }, attributes) => {
      expect(finds(text, withAttributes(attributes))).toBe(holds(new Map(Object.entries(attributes))));
    }),
    { numRuns: 1000 },
  );
});

test('the answer of a query depends on nothing but the sources that it names', () => {
  const changed: readonly (readonly [string, Partial<ThingDocument>])[] = [
    ['registry', { attributes: { a: 'x' }, thingTypeName: 'x' }],
    ['groups', { thingGroupNames: ['x'] }],
    ['connectivity', { connectivity: { connected: true, timestamp: 1 } }],
    ['shadow/', { shadows: new Map([['', { reported: { a: 'x' } }]]) }],
    ['shadow/n', { shadows: new Map([['n', { reported: { a: 'x' } }]]) }],
  ];
  const queries = [
    'x',
    '*',
    'NOT x',
    'attributes.a:x',
    'thingGroupNames:x',
    'connectivity.connected:true',
    'shadow.reported.a:x',
    'shadow.name.n.reported.a:x',
    'NOT thingTypeName:x AND shadow.hasDelta:false',
  ];
  for (const text of queries) {
    const query: FleetQuery = parseFleetQuery(text);
    const sources = sourcesOf(query);
    for (const [source, change] of changed) {
      const moves = matchesQuery(query, thing(change)) !== matchesQuery(query, thing());
      const named = [...sources].some(
        (each) => each === source || (each === 'shadow/*' && source.startsWith('shadow/')),
      );
      expect(named || !moves, `${text} and ${source}`).toBe(true);
    }
  }
});
