import type { Json, JsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deployed, document, TestDevice } from './testing/test-device.ts';

const key = fc.constantFrom('from', 'a', 'b', 'c');
const value: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, 'text', '', 7),
  fc.array(fc.constantFrom(1, 2), { maxLength: 2 }),
  fc.dictionary(key, fc.constantFrom<Json>(1, 'deep'), { maxKeys: 2 }),
);
const update = fc.record({
  reset: fc.array(fc.constantFrom('', '/a', '/a/b', '/from'), { maxLength: 2 }),
  merge: fc.dictionary(key, value, { maxKeys: 3 }),
});
type Update = { readonly reset: string[]; readonly merge: Record<string, Json> };

const configured = (
  revision: number,
  versions: Readonly<Record<string, string>>,
  updates: Readonly<Record<string, Update>>,
) => document('line', revision, {}, { components: components(versions, updates) });

function components(versions: Readonly<Record<string, string>>, updates: Readonly<Record<string, Update>>): JsonObject {
  return Object.fromEntries(
    Object.entries(versions).map(([name, version]) => {
      const configurationUpdate = updates[name];
      return [name, { version, ...(configurationUpdate === undefined ? {} : { configurationUpdate }) }];
    }),
  );
}

const all = ({ store }: TestDevice) => ({ set: store.components(), groups: store.groups() });

test('a deployment that is rolled back leaves all that is stored of components and groups as it was', async () => {
  await fc.assert(
    fc.asyncProperty(update, update, fc.boolean(), async (first, second, removes) => {
      const device = new TestDevice((spec) => spec.version === '2.0.0');
      await deployed((it) => it.job('j1', 1, configured(1, { App: '1.0.0', Other: '1.0.0' }, { App: first })), device);
      const before = all(device);
      const versions = { App: '2.0.0', ...(removes ? {} : { Other: '1.0.0' }) };
      await deployed((it) => it.job('j2', 2, configured(2, versions, { App: second, Other: first })), device);
      expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
      expect(all(device)).toEqual(before);
    }),
    { numRuns: 40 },
  );
});

test('a deployment that is applied twice is as one that is applied once', async () => {
  await fc.assert(
    fc.asyncProperty(update, async (one) => {
      const device = new TestDevice();
      const content = configured(2, { App: '1.0.0', Other: '1.0.0' }, { App: one, Other: one });
      await deployed((it) => it.job('j1', 1, configured(1, { App: '1.0.0' }, {})), device);
      await deployed((it) => it.job('j2', 2, content), device);
      const once = all(device);
      // The cloud queues the same job again, as a retry does.
      await deployed((it) => it.job('j2', 3, content), device);
      expect(device.statuses().slice(-2)).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
      expect(all(device)).toEqual(once);
    }),
    { numRuns: 40 },
  );
});

test('in whatever order the deployments of groups arrive, the same versions run in the end', async () => {
  const groups = ['line', 'plant', 'site'];
  const roots = fc.dictionary(fc.constantFrom('App', 'Lib', 'Other', 'Lone'), fc.constant('1.0.0'), { minKeys: 1 });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(roots, roots, roots),
      fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
      async (wanted, order) => {
        const run = async (places: readonly number[]) => {
          const device = new TestDevice();
          device.groups = groups;
          for (const [at, place] of places.entries()) {
            const content = document(groups[place] ?? '', place + 1, wanted[place] ?? {});
            await deployed((it) => it.job(`j${place}`, at + 1, content), device);
          }
          const ends = device.statuses().filter((status) => status !== 'IN_PROGRESS');
          return { set: device.set(), runs: device.runs(), ends, groups: device.store.groups() };
        };
        const first = await run([0, 1, 2]);
        expect(first.ends).toEqual(['SUCCESSFUL', 'SUCCESSFUL', 'SUCCESSFUL']);
        expect(await run(order)).toEqual(first);
      },
    ),
    { numRuns: 40 },
  );
});
