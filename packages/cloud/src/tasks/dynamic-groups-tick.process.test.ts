import { silentLog } from '@greensward/kit';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgres } from '../adapters/postgres/postgres.ts';
import { findPostgres, type PostgresCluster, startPostgres } from '../adapters/testing/postgres-cluster.ts';
import { aDevice } from '../adapters/testing/records.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { Storage } from '../ports/storage.ts';
import { createDynamicGroupsTick } from './dynamic-groups-tick.ts';

const postgres = findPostgres();
let cluster: PostgresCluster | undefined;
beforeAll(async () => {
  if (postgres) cluster = await startPostgres(postgres);
});
afterAll(() => cluster?.stop());

/** A database of its own; undefined: SQLite. */
async function newDatabase(name: string): Promise<Storage | undefined> {
  if (name === 'SQLite') return undefined;
  return openPostgres({ url: (await cluster?.createDatabase()) ?? '', log: silentLog });
}

const index = {};

describe.each([
  { database: 'SQLite', present: true },
  { database: 'PostgreSQL', present: postgres !== undefined },
])('dynamic thing groups on $database', ({ database, present }) => {
  if (!present) {
    test.skip('PostgreSQL is not installed here', () => {});
    return;
  }

  let cloud: TestCloud;
  beforeEach(async () => {
    cloud = await openTestCloud(await newDatabase(database));
  });
  afterEach(() => cloud.close());

  const group = (name: string, query: string) => cloud.app.dynamicGroups.create({ name, query, index });
  const members = async (name: string) => (await cloud.app.groups.things(name, false, { limit: 10_000 })).items;
  const found = async (query: string) => {
    const page = await cloud.app.fleetIndex.search({ query, index }, { limit: 100 });
    return page.items.map(({ document }) => document.thingName);
  };
  const report = async (thing: string, name: string, reported: object) => {
    const payload = Buffer.from(JSON.stringify({ state: { reported } }));
    const [answer] = await cloud.app.shadows.handle([{ thing, name, action: 'update', payload }]);
    expect(answer).toMatchObject({ ok: true });
  };
  const connection = (thing: string, connected: boolean) =>
    cloud.app.fleetIndex.setConnections([{ thing, connected, changedAt: cloud.clock.now() }]);
  const pending = async (thing: string) =>
    (await cloud.app.jobs.pendingMany([thing])).get(thing)?.executions.map(({ execution }) => execution.status);

  test('a thing that comes to match gets the deployment, and one that stops matching loses what it has not begun', async () => {
    await cloud.app.things.create({ name: 'eager', attributes: { site: 'north' } });
    await cloud.app.things.create({ name: 'late', attributes: { site: 'south' } });
    await cloud.storage.write((tx) => tx.devices.put([aDevice('late')]));
    await group('north', 'attributes.site:north');
    await cloud.dynamicGroups();
    const { deploymentId } = await cloud.app.deployments.create({ targetArn: cloud.arns.group('north') });
    await cloud.rollout();
    expect(await pending('eager')).toEqual(['QUEUED']);
    expect(await pending('late')).toEqual([]);

    await cloud.app.things.update({ name: 'late', attributes: { site: 'north' } });
    await cloud.dynamicGroups();
    await cloud.rollout();
    expect(await pending('late')).toEqual(['QUEUED']);
    const [effective] = (await cloud.app.deployments.effective('late', { limit: 10 })).items;
    expect(effective?.deployment.id).toBe(deploymentId);
    expect(await cloud.app.groups.membership('late')).toEqual([{ group: 'north', ancestors: [] }]);

    cloud.events.length = 0;
    await cloud.app.things.update({ name: 'late', attributes: { site: 'west' } });
    await cloud.dynamicGroups();
    expect(await pending('late')).toEqual([]);
    expect((await cloud.app.deployments.effective('late', { limit: 10 })).items).toEqual([]);
    expect(cloud.events).toContainEqual({ kind: 'pending-changed', things: ['late'] });
    expect(await cloud.app.groups.membership('late')).toEqual([]);

    await cloud.app.things.update({ name: 'late', attributes: { site: 'north' } });
    await cloud.dynamicGroups();
    await cloud.rollout();
    expect(await pending('late')).toEqual(['QUEUED']);
  });

  test('what a thing has begun it finishes, though it stops matching', async () => {
    await cloud.app.things.create({ name: 'runner', attributes: { site: 'north' } });
    await group('north', 'attributes.site:north');
    await cloud.dynamicGroups();
    const { iotJobId: jobId = '' } = await cloud.app.deployments.create({ targetArn: cloud.arns.group('north') });
    await cloud.rollout();
    await cloud.app.jobs.update([{ thing: 'runner', jobId, status: 'IN_PROGRESS' }]);
    await cloud.app.things.update({ name: 'runner', attributes: {} });
    await cloud.dynamicGroups();
    expect(await members('north')).toEqual([]);
    expect(await pending('runner')).toEqual(['IN_PROGRESS']);
  });

  test('attributes, type, groups, shadows and connections put a thing in and take it out', async () => {
    await cloud.app.thingTypes.create({ name: 'pump' });
    await cloud.app.groups.create({ name: 'line' });
    await cloud.app.things.create({ name: 'core' });
    const steps: readonly (readonly [query: string, enter: () => Promise<unknown>, leave: () => Promise<unknown>])[] = [
      [
        'attributes.a:1',
        () => cloud.app.things.update({ name: 'core', attributes: { a: '1' } }),
        () => cloud.app.things.update({ name: 'core', attributes: { a: '2' } }),
      ],
      [
        'thingTypeName:pump',
        () => cloud.app.things.update({ name: 'core', typeName: 'pump' }),
        () => cloud.app.things.update({ name: 'core', removeType: true }),
      ],
      [
        'thingGroupNames:line',
        () => cloud.app.groups.addThing('line', 'core'),
        () => cloud.app.groups.removeThing('line', 'core'),
      ],
      [
        'shadow.reported.battery>80',
        () => report('core', '', { battery: 81 }),
        () => report('core', '', { battery: 80 }),
      ],
      [
        'shadow.name.config.reported.mode:eco',
        () => report('core', 'config', { mode: 'eco' }),
        () => cloud.app.shadows.handle([{ thing: 'core', name: 'config', action: 'delete', payload: Buffer.alloc(0) }]),
      ],
      ['connectivity.connected:true', () => connection('core', true), () => connection('core', false)],
      ['fast', () => report('core', 'other', { mode: 'fast' }), () => report('core', 'other', { mode: 'slow' })],
    ];
    for (const [at, [query]] of steps.entries()) await group(`group-${at}`, query);
    await cloud.dynamicGroups();
    for (const [at, [query, enter, leave]] of steps.entries()) {
      await enter();
      await cloud.dynamicGroups();
      expect(await members(`group-${at}`), query).toEqual(['core']);
      await leave();
      await cloud.dynamicGroups();
      expect(await members(`group-${at}`), query).toEqual([]);
    }
  });

  test('a static group that is deleted, and a service that starts again, change what queries find', async () => {
    await cloud.app.groups.create({ name: 'line' });
    await cloud.addThings('line', 'core');
    await connection('core', true);
    await group('by-group', 'thingGroupNames:line');
    await group('online', 'connectivity.connected:true');
    await cloud.dynamicGroups();
    expect([await members('by-group'), await members('online')]).toEqual([['core'], ['core']]);
    await cloud.app.groups.delete('line');
    await cloud.app.fleetIndex.disconnectAll();
    await cloud.dynamicGroups();
    expect([await members('by-group'), await members('online')]).toEqual([[], []]);
    expect(await found('connectivity.disconnectReason:SERVER_ERROR')).toEqual(['core']);
  });

  test('a change that no query looks at is not even noted', async () => {
    await cloud.addThings(undefined, 'core');
    await group('warm', 'shadow.name.climate.reported.t>20');
    await cloud.dynamicGroups();
    const isDue = () => cloud.storage.read((tx) => tx.fleetIndex.isDue());
    await cloud.app.things.update({ name: 'core', attributes: { a: '1' } });
    await connection('core', true);
    await report('core', '', { t: 30 });
    await report('core', 'other', { t: 30 });
    expect(await isDue()).toBe(false);
    await report('core', 'climate', { t: 30 });
    expect(await isDue()).toBe(true);
    await cloud.addThings(undefined, 'new');
    await cloud.dynamicGroups();
    expect([await members('warm'), await isDue()]).toEqual([['core'], false]);
  });

  test('the members of a large fleet are found in steps: the group is BUILDING until all are', async () => {
    const names = Array.from({ length: 450 }, (_, at) => `core-${String(at).padStart(3, '0')}`);
    await cloud.addThings(undefined, ...names);
    await group('even', 'thingName:*0');
    const tick = createDynamicGroupsTick({ ...cloud, log: silentLog });
    const isBuilding = async () => (await cloud.app.groups.describe('even')).group.dynamic?.building;
    const seen: number[] = [];
    for (let next: number | undefined = 0; next !== undefined; next = (await tick()).nextAt) {
      if (seen.length > 0) expect(await isBuilding()).toBe(true);
      seen.push((await members('even')).length);
    }
    expect(seen).toEqual([0, 20, 40]);
    expect(await isBuilding()).toBe(false);
    expect(await members('even')).toEqual(names.filter((name) => name.endsWith('0')));

    await cloud.app.dynamicGroups.update({ name: 'even', query: 'thingName:core-44?', index });
    expect(await isBuilding()).toBe(true);
    await cloud.dynamicGroups();
    expect(await members('even')).toEqual(names.slice(440));
  });

  test('a rate is refused while members are still to be found, as it would not hold for them', async () => {
    await group('line', '*');
    const paced = () =>
      cloud.app.deployments.create({
        targetArn: cloud.arns.group('line'),
        iotJobConfiguration: { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } },
      });
    await expect(paced()).rejects.toMatchObject({ code: 'ConflictException' });
    await cloud.dynamicGroups();
    await paced();
  });

  test('a thing may be in any number of dynamic groups besides ten static ones', async () => {
    await cloud.addThings(undefined, 'core');
    for (let at = 0; at < 10; at++) {
      await cloud.app.groups.create({ name: `static-${at}` });
      await cloud.app.groups.addThing(`static-${at}`, 'core');
      await group(`dynamic-${at}`, '*');
    }
    await cloud.dynamicGroups();
    expect(await cloud.app.groups.ofThing('core')).toHaveLength(20);
    await cloud.app.groups.removeThing('static-0', 'core');
    await cloud.app.groups.addThing('static-0', 'core');
  });

  test('a deleted group takes its memberships, its executions and its query with it', async () => {
    await cloud.addThings(undefined, 'core');
    await group('gone', '*');
    await cloud.dynamicGroups();
    await cloud.app.deployments.create({ targetArn: cloud.arns.group('gone') });
    await cloud.rollout();
    await cloud.app.dynamicGroups.delete('gone');
    expect(await pending('core')).toEqual([]);
    expect(await cloud.app.groups.ofThing('core')).toEqual([]);
    await cloud.addThings(undefined, 'another');
    expect(await cloud.storage.read((tx) => tx.fleetIndex.isDue())).toBe(false);
  });

  test('what is not indexed is not found, and is found again when it is', async () => {
    await cloud.addThings(undefined, 'core');
    await report('core', '', { a: 'x' });
    await report('core', 'config', { a: 'y' });
    await connection('core', true);
    await group('classic', 'shadow.reported.a:x');
    const configure = (rest: object) =>
      cloud.app.fleetIndex.configure({
        mode: 'REGISTRY_AND_SHADOW',
        connectivity: false,
        namedShadows: 'none',
        customFields: [],
        ...rest,
      });
    const seen = async () => {
      await cloud.dynamicGroups();
      return [await members('classic'), await found('y'), await found('connectivity.connected:true')];
    };
    expect(await seen()).toEqual([['core'], ['core'], ['core']]);
    await configure({ mode: 'REGISTRY' });
    expect(await seen()).toEqual([[], [], []]);
    await configure({ namedShadows: ['config'] });
    expect(await seen()).toEqual([['core'], ['core'], []]);
    await configure({ namedShadows: ['another'], connectivity: true });
    expect(await seen()).toEqual([['core'], [], ['core']]);
    await expect(configure({ mode: 'OFF' })).rejects.toMatchObject({ code: 'InvalidRequestException' });
    await cloud.app.dynamicGroups.delete('classic');
    await configure({ mode: 'OFF' });
    await expect(found('*')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    await expect(group('again', '*')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
  });

  test('whatever changes, and wherever a tick is killed, the members are in the end what the queries find', async () => {
    const things = ['a', 'b', 'c'];
    const queries = [
      'attributes.x:1',
      'NOT attributes.x:1',
      'thingGroupNames:static',
      'shadow.reported.v>1 OR attributes.x:2',
      'connectivity.connected:true -thingName:a',
      'shadow.name.n.reported.v:* thingName:(a OR b)',
    ];
    const thing = fc.constantFrom(...things);
    const value = fc.integer({ min: 0, max: 2 });
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), thing, value }),
      fc.record({ kind: fc.constant('delete' as const), thing, value }),
      fc.record({ kind: fc.constantFrom('join' as const, 'leave' as const), thing, value }),
      fc.record({ kind: fc.constantFrom('classic' as const, 'named' as const), thing, value }),
      fc.record({ kind: fc.constant('connection' as const), thing, value }),
      fc.record({ kind: fc.constant('define' as const), thing, value: fc.integer({ min: 0, max: 5 }) }),
      fc.record({
        kind: fc.constantFrom('tick' as const, 'kill before' as const, 'kill after' as const),
        thing,
        value,
      }),
      fc.record({ kind: fc.constant('deploy' as const), thing, value }),
    );
    type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

    async function run({ kind, thing: name, value: number }: Operation): Promise<void> {
      const { app } = cloud;
      const exists = (await cloud.storage.read((tx) => tx.things.get(name))) !== undefined;
      switch (kind) {
        case 'put':
          if (exists) await app.things.update({ name, attributes: { x: `${number}` } });
          else await app.things.create({ name, attributes: { x: `${number}` } });
          return;
        case 'delete':
          return app.things.delete(name);
        case 'join':
          return exists ? app.groups.addThing('static', name) : undefined;
        case 'leave':
          return exists ? app.groups.removeThing('static', name) : undefined;
        case 'classic':
        case 'named':
          return report(name, kind === 'named' ? 'n' : '', { v: number === 0 ? null : number });
        case 'connection':
          return connection(name, number === 0);
        case 'define':
          await app.dynamicGroups.update({ name: 'changing', query: queries[number] ?? '*', index });
          return;
        case 'deploy':
          await app.deployments.create({ targetArn: cloud.arns.group('changing') });
          return void (await cloud.rollout());
        case 'tick':
          return void (await createDynamicGroupsTick({ ...cloud, log: silentLog })());
        case 'kill before':
        case 'kill after':
          return killed(kind);
      }
    }

    /** A tick whose process dies just before or just after its commit. */
    async function killed(when: 'kill before' | 'kill after'): Promise<void> {
      const death = new Error('killed');
      const storage: Storage = {
        ...cloud.storage,
        read: (work) => cloud.storage.read(work),
        async write(work) {
          const done = await cloud.storage.write(async (tx) => {
            const result = await work(tx);
            if (when === 'kill before') throw death;
            return result;
          });
          if (when === 'kill after') throw death;
          return done;
        },
      };
      await createDynamicGroupsTick({ ...cloud, storage, log: silentLog })().catch((error: unknown) => {
        if (error !== death) throw error;
      });
    }

    await cloud.app.groups.create({ name: 'static' });
    await group('changing', '*');
    for (const [at, query] of queries.entries()) await group(`fixed-${at}`, query);
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        for (const each of operations) await run(each);
        await cloud.dynamicGroups();
        await cloud.rollout();
        const { group: changing } = await cloud.app.groups.describe('changing');
        expect(await members('changing')).toEqual(await found(changing.dynamic?.query ?? ''));
        for (const [at, query] of queries.entries())
          expect(await members(`fixed-${at}`), query).toEqual(await found(query));
        // Nobody who is out of the group waits for its deployment, and everybody who is in it has it.
        const inside = await members('changing');
        const latest = await cloud.storage.read((tx) => tx.deployments.latest(cloud.arns.group('changing')));
        for (const name of things) {
          const execution = latest && (await cloud.storage.read((tx) => tx.executions.get(latest.jobId, name)));
          const live = execution?.status === 'QUEUED';
          expect(live, `${name} ${execution?.status}`).toBe(latest !== undefined && inside.includes(name));
        }
      }),
      { numRuns: database === 'SQLite' ? 60 : 15 },
    );
  }, 120_000);
});
