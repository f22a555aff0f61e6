import type { Json, JsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deployed, document, TestDevice } from './testing/test-device.ts';

const nucleus = 'aws.greengrass.Nucleus';
const failureOf = (device: TestDevice) => device.store.owedStatuses().at(-1)?.failure;
const groupArn = (name: string) => `arn:aws:iot:us-east-1:000000000000:thinggroup/${name}`;

describe('groups of a device', () => {
  test('case 70: of nested groups the deployment made last wins, and an older one that comes late is rejected', async () => {
    const device = new TestDevice();
    const onBehalf = { onBehalfOf: groupArn('line'), parentTargetArn: groupArn('line') };
    // Revision numbers are the times of creation here: parent 1, subgroup 2, sibling 3, parent 5.
    await deployed((it) => it.job('parent', 1, document('line', 1, { App: '1.0.0' })), device);
    await deployed((it) => it.job('sub', 2, document('sub', 2, { App: '2.0.0' }, onBehalf)), device);
    expect(device.set()).toEqual({ App: '2.0.0', Lib: '1.4.0' });
    await deployed((it) => it.job('sibling', 3, document('sibling', 3, { Other: '1.0.0' }, onBehalf)), device);
    expect(device.set()).toEqual({ Other: '1.0.0' });
    await deployed((it) => it.job('late', 4, document('sub', 2, { App: '2.0.0' }, onBehalf)), device);
    expect(device.statuses().at(-1)).toBe('REJECTED');
    expect(device.set()).toEqual({ Other: '1.0.0' });
    await deployed((it) => it.job('parent-2', 5, document('line', 5, { App: '1.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    expect([...device.store.groups().keys()]).toEqual(['thinggroup/line']);
  });

  test('case 74: what a left group loses comes back with a rollback, and stays when nothing was changed', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    device.groups = ['line', 'plant'];
    await deployed((it) => it.job('j1', 1, document('line', 1, { Lone: '1.0.0' })), device);
    await deployed((it) => it.job('j2', 2, document('plant', 2, { Other: '1.0.0' })), device);
    const before = { Lone: '1.0.0', Other: '1.0.0' };
    device.groups = ['plant'];
    for (const [job, components, end] of [
      ['j3', { Other: '1.0.0', App: '2.0.0' }, 'FAILED_ROLLBACK_COMPLETE'],
      ['j4', { Other: '1.0.0', Missing: '1.0.0' }, 'FAILED_NO_STATE_CHANGE'],
    ] as const) {
      await deployed((it) => it.job(job, 3, document('plant', 3, components)), device);
      expect(device.statuses().at(-1)).toBe(end);
      expect(device.set()).toEqual(before);
      expect([...device.store.groups().keys()]).toEqual(['thinggroup/line', 'thinggroup/plant']);
    }
    await deployed((it) => it.job('j5', 5, document('plant', 5, { Other: '1.0.0' })), device);
    expect(device.set()).toEqual({ Other: '1.0.0' });
  });

  test('the final set does not depend on the order in which deployments of groups arrive', async () => {
    const names = ['line', 'plant', 'site'] as const;
    // Within one version of everything: what contradicts itself fails, and which one does that depends on the order.
    const roots: Readonly<Record<string, string>> = { App: '1.0.0', Other: '1.0.0', Lone: '1.0.0', Lib: '1.4.0' };
    const revisions = fc.array(
      fc.record({ group: fc.constantFrom(...names), roots: fc.subarray(Object.keys(roots)), value: fc.nat(9) }),
      { minLength: 1, maxLength: 6 },
    );
    const arrivals = revisions.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list.keys()], { minLength: list.length })),
    );
    await fc.assert(
      fc.asyncProperty(arrivals, async ([list, order]) => {
        const outcomes: unknown[] = [];
        for (const indexes of [[...list.keys()], order]) {
          const device = new TestDevice();
          device.groups = names;
          device.start();
          for (const index of indexes) {
            const { group, roots: named, value } = list[index] ?? { group: 'line', roots: [], value: 0 };
            const components = Object.fromEntries(
              named.map((name): [string, Json] => [
                name,
                { version: roots[name] ?? '', configurationUpdate: { merge: { [group]: value } } },
              ]),
            );
            device.job(`j${index}`, index, document(group, index, {}, { components }));
            await device.rest();
          }
          await device.off();
          outcomes.push([
            device.set(),
            [...device.store.groups()].map(([name, { roots: kept, timestamp }]) => [name, kept, timestamp]),
          ]);
        }
        expect(outcomes[0]).toEqual(outcomes[1]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the failure handling policy', () => {
  const doNothing = { failureHandlingPolicy: 'DO_NOTHING' };

  test('case 107: DO_NOTHING does not hold for a deployment that gives the runtime another cloud', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    const components: JsonObject = {
      App: { version: '2.0.0' },
      [nucleus]: { version: '2.12.0', configurationUpdate: { merge: { iotDataEndpoint: 'elsewhere.example' } } },
    };
    await deployed((it) => it.job('j2', 2, document('line', 2, {}, { ...doNothing, components })), device);
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    components[nucleus] = { version: '2.12.0', configurationUpdate: { merge: { logging: { level: 'DEBUG' } } } };
    await deployed((it) => it.job('j3', 3, document('line', 3, {}, { ...doNothing, components })), device);
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_NOT_REQUESTED');
  });

  test('DO_NOTHING updates the groups, so that the next deployment knows what runs, and a repair finds it', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '2.0.0' }, doNothing)), device);
    expect(device.store.groups().get('thinggroup/line')?.roots).toEqual({ App: '2.0.0' });
    await deployed((it) => it.job('j2', 2, document('line', 2, { App: '1.0.0' })), device);
    expect(device.statuses().at(-1)).toBe('SUCCESSFUL');
    expect(device.runs()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
  });

  test('a rollback restores configuration and runWith of components that did not break', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    const limits = { memory: 1024, cpus: 0.5 };
    const first: JsonObject = {
      App: { version: '1.0.0' },
      Other: {
        version: '1.0.0',
        configurationUpdate: { merge: { mine: 1 } },
        runWith: { posixUser: 'one', systemResourceLimits: limits },
      },
    };
    await deployed((it) => it.job('j1', 1, document('line', 1, {}, { components: first })), device);
    const before = device.store.components();
    const second: JsonObject = {
      App: { version: '2.0.0' },
      Other: {
        version: '1.0.0',
        configurationUpdate: { reset: [''], merge: { other: 2 } },
        runWith: { posixUser: 'two' },
      },
    };
    await deployed((it) => it.job('j2', 2, document('line', 2, {}, { components: second })), device);
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
    expect(device.store.components()).toEqual(before);
  });
});

test('case 67: a journal that cannot be written ends the runtime, and the deployment is begun again by the next', async () => {
  const device = new TestDevice();
  const content = document('line', 1, { App: '1.0.0' });
  device.start(0);
  device.job('j1', 1, content);
  await device.rest();
  expect(device.fatal.length).toBeGreaterThan(0);
  await device.off();
  await deployed((it) => it.job('j1', 1, content), device);
  expect(device.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
  expect(failureOf(device)).toBeUndefined();
});
