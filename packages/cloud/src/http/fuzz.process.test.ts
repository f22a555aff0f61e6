import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { iot } from '@greensward/protocol/iot';
import { iotData } from '@greensward/protocol/iot-data';
import { iotJobsData } from '@greensward/protocol/iot-jobs-data';
import type { Operation } from '@greensward/protocol/walker';
import fc from 'fast-check';
import { afterAll, describe, test } from 'vitest';
import { findPostgres, startPostgres } from '../adapters/testing/postgres-cluster.ts';
import { type RunningCloud, runCloud, sendSigned } from './testing/running-cloud.ts';

// Whatever the members of an operation hold, in the right places: the answer is no failure of ours. On both databases, which
// refuse different things.

type Member = Operation<unknown, unknown>['input']['members'][number];
type Shape = Member['shape'];

const oddText = fc.oneof(
  fc.constantFrom(
    'a',
    '\0',
    '\ud800',
    'x'.repeat(130),
    '',
    '__proto__',
    "'; --",
    '1.0.0',
    'g',
    'T',
    '$next',
    '*',
    '{}',
  ),
  fc.constantFrom(
    'arn:aws:iot:us-east-1:000000000000:thinggroup/g',
    'arn:aws:iot:us-east-1:000000000000:thing/T',
    'arn:aws:greengrass:us-east-1:000000000000:components:A:versions:1.0.0',
  ),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);

function contentOf(shape: Shape, depth = 0): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'string':
      return shape.values === undefined ? oddText : fc.oneof(fc.constantFrom(...shape.values), oddText);
    case 'number':
    case 'timestamp':
      return fc.constantFrom(0, 1, -1, 1.5, 100, 2 ** 31, 2 ** 53, 1e300);
    case 'boolean':
      return fc.boolean();
    case 'blob':
      return fc.constantFrom('AAAA', 'e30=', '');
    case 'list':
      return fc.array(contentOf(shape.element, depth + 1), { maxLength: 2 });
    case 'map':
      return fc.dictionary(oddText, contentOf(shape.element, depth + 1), { maxKeys: 2 });
    case 'json':
      return fc.jsonValue();
    case 'structure':
      // A structure may hold itself.
      return depth > 5 ? fc.constant({}) : members(shape.members, ({ wire }) => wire, depth);
  }
}

function members(of: readonly Member[], nameOf: (member: Member) => string, depth: number) {
  const values = of.map((member): [string, fc.Arbitrary<unknown>] => [
    nameOf(member),
    contentOf(member.shape, depth + 1),
  ]);
  return fc.record(Object.fromEntries(values), { requiredKeys: of.filter((each) => each.required).map(nameOf) });
}

function requestOf(operation: Operation<unknown, unknown>, input: Readonly<Record<string, unknown>>) {
  const text = (name: string) => encodeURIComponent(String(input[name]).toWellFormed());
  const sent = (place: Member['in']) =>
    operation.input.members.filter((member) => member.in === place && input[member.name] !== undefined);
  const path = operation.segments.map((part) => ('literal' in part ? part.literal : text(part.label))).join('/');
  const query = sent('query').map(({ name, wire }) => `${wire}=${text(name)}`);
  const headers = Object.fromEntries(sent('header').map(({ name, wire }) => [wire, text(name)]));
  const body = JSON.stringify(Object.fromEntries(sent('body').map(({ name, wire }) => [wire, input[name]])));
  return {
    method: operation.method,
    path: `/${path}${query.length === 0 ? '' : `?${query.join('&')}`}`,
    headers,
    ...(operation.method === 'GET' ? {} : { body }),
  };
}

const services: readonly [scope: string, operations: object][] = [
  ['greengrass', greengrassv2.operations],
  ['iot', iot.operations],
  ['iotdata', iotData.operations],
  ['iot-jobs-data', iotJobsData.operations],
];

async function attack(cloud: RunningCloud): Promise<void> {
  await sendSigned(cloud, 'iot', { method: 'POST', path: '/thing-groups/g', body: '{}' });
  await sendSigned(cloud, 'iot', { method: 'POST', path: '/things/T', body: '{}' });
  for (const [scope, table] of services) {
    const operations: Operation<unknown, unknown>[] = Object.values(table);
    for (const operation of operations) {
      await fc.assert(
        fc.asyncProperty(
          members(operation.input.members, ({ name }) => name, 0),
          async (input) => {
            const answer = await sendSigned(cloud, scope, requestOf(operation, input));
            if (answer.status >= 500) throw new Error(`${operation.name}: ${JSON.stringify(cloud.log.at(-1))}`);
          },
        ),
        { numRuns: 10 },
      );
    }
  }
}

let close: () => Promise<unknown> = async () => undefined;
afterAll(() => close());

describe('no input of any operation is an internal error', () => {
  test('on SQLite', async () => {
    const cloud = await runCloud();
    await attack(cloud);
    await cloud.destroy();
  });

  const programs = findPostgres();
  test.skipIf(programs === undefined)('on PostgreSQL', async () => {
    const postgres = await startPostgres(programs ?? '');
    close = () => postgres.stop();
    const cloud = await runCloud({ database: await postgres.createDatabase() });
    await attack(cloud);
    await cloud.destroy();
  });
});
