import {
  DeleteThingShadowCommand,
  GetThingShadowCommand,
  ListNamedShadowsForThingCommand,
  UpdateThingShadowCommand,
} from '@aws-sdk/client-iot-data-plane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf } from '../conformance/conformance-cloud.ts';
import { deploymentShadow, type Identity, type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { Connection, type JsonObject, javaConnect, liteConnect } from './scripted-nucleus.ts';
import { seconds } from './shapes.ts';

// Shadows by the stock client of iot-data, with a device on MQTT that hears of what it does.

let cloud: ProtocolCloud;
let made = 0;

beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterAll(() => cloud.stop());

function shadowOf(thingName: string, shadowName?: string) {
  const named = { thingName, ...(shadowName === undefined ? {} : { shadowName }) };
  const read = (payload: Uint8Array | undefined): JsonObject => JSON.parse(Buffer.from(payload ?? []).toString('utf8'));
  return {
    get: async () => read((await cloud.data.send(new GetThingShadowCommand(named))).payload),
    update: async (document: JsonObject | string) => {
      const payload = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
      return read((await cloud.data.send(new UpdateThingShadowCommand({ ...named, payload }))).payload);
    },
    delete: async () => read((await cloud.data.send(new DeleteThingShadowCommand(named))).payload),
  };
}
const newThing = (): Promise<Identity> => cloud.core(`shadowed-${++made}`);

describe.each([
  { kind: 'classic', name: undefined },
  { kind: 'named', name: 'con$fig:1_-' },
])('the $kind shadow over HTTP', ({ name }) => {
  test('is made, merged, emptied by null, deleted; its version goes on', async () => {
    const { thing } = await newThing();
    const shadow = shadowOf(thing, name);
    expect(await refusalOf(shadow.get())).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    const first = await shadow.update({ state: { desired: { a: 1, deep: { x: [1, 2], y: 'z' } } }, clientToken: 't' });
    expect(first).toEqual({
      state: { desired: { a: 1, deep: { x: [1, 2], y: 'z' } } },
      metadata: {
        desired: {
          a: { timestamp: seconds },
          deep: { x: [{ timestamp: seconds }, { timestamp: seconds }], y: { timestamp: seconds } },
        },
      },
      version: 1,
      timestamp: seconds,
      clientToken: 't',
    });
    await shadow.update({ state: { reported: { a: 2 }, desired: { deep: { x: [3], y: null } } } });
    expect(await shadow.get()).toEqual({
      state: { desired: { a: 1, deep: { x: [3] } }, reported: { a: 2 }, delta: { a: 1, deep: { x: [3] } } },
      metadata: {
        desired: { a: { timestamp: seconds }, deep: { x: [{ timestamp: seconds }] } },
        reported: { a: { timestamp: seconds } },
      },
      version: 2,
      timestamp: seconds,
    });
    const emptied = await shadow.update({ state: { desired: null } });
    expect(emptied).toMatchObject({ state: { desired: null }, version: 3 });
    expect((await shadow.get())['state']).toEqual({ reported: { a: 2 } });
    expect(await shadow.delete()).toEqual({ version: 3, timestamp: seconds });
    expect(await refusalOf(shadow.get())).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect(await refusalOf(shadow.delete())).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect((await shadow.update({ state: { reported: { b: 1 } } }))['version']).toBeGreaterThan(3);
  });

  test('refuses a stale version, accepts the present one', async () => {
    const { thing } = await newThing();
    const shadow = shadowOf(thing, name);
    await shadow.update({ state: { desired: { a: 1 } } });
    expect(await refusalOf(shadow.update({ state: { desired: { a: 2 } }, version: 7 }))).toMatchObject({
      name: 'ConflictException',
      status: 409,
      message: 'Version conflict',
    });
    expect(await shadow.update({ state: { desired: { a: 2 } }, version: 1 })).toMatchObject({ version: 2 });
  });

  test('holds 8192 bytes of state and not one more, metadata not counted', async () => {
    const { thing } = await newThing();
    const shadow = shadowOf(thing, name);
    const bytes = (length: number) => 'x'.repeat(length - Buffer.byteLength('{"desired":{"text":""}}'));
    await shadow.update({ state: { desired: { text: bytes(8192) } } });
    expect(await refusalOf(shadow.update({ state: { desired: { text: bytes(8193) } } }))).toMatchObject({
      name: 'RequestEntityTooLargeException',
      status: 413,
    });
    // What counts is the whole document that would be, not the update.
    expect(await refusalOf(shadow.update({ state: { reported: { a: 1 } } }))).toMatchObject({ status: 413 });
    expect(await shadow.get()).toMatchObject({ version: 1, state: { desired: { text: bytes(8192) } } });
  });

  test.each([
    { what: 'no JSON', document: '{' },
    { what: 'a list', document: '[]' },
    { what: 'nothing', document: '' },
    { what: 'no state', document: '{}' },
    { what: 'a state that is text', document: '{"state":"x"}' },
    { what: 'a section that is a list', document: '{"state":{"desired":[]}}' },
    { what: 'seven levels', document: '{"state":{"desired":{"a":{"b":{"c":{"d":{"e":{"f":{}}}}}}}}}' },
    { what: 'a version that is text', document: '{"state":{},"version":"1"}' },
    { what: 'a token of 65 characters', document: `{"state":{},"clientToken":"${'t'.repeat(65)}"}` },
    { what: 'bytes that are not UTF-8', document: '{"state":{"desired":{"a":"\xff"}}}', latin: true },
  ])('refuses $what with 400, and stores nothing', async ({ document, latin }) => {
    const { thing } = await newThing();
    const payload = Buffer.from(document, latin ? 'latin1' : 'utf8');
    const named = { thingName: thing, ...(name === undefined ? {} : { shadowName: name }) };
    const refusal = await refusalOf(cloud.data.send(new UpdateThingShadowCommand({ ...named, payload })));
    expect(refusal).toMatchObject({ name: 'InvalidRequestException', status: 400 });
    expect(await refusalOf(shadowOf(thing, name).get())).toMatchObject({ status: 404 });
  });

  test('tells a device on MQTT of its changes: accepted, delta where it differs, documents', async () => {
    const identity = await newThing();
    const { thing } = identity;
    const base = `$aws/things/${thing}/shadow${name === undefined ? '' : `/name/${name}`}`;
    const device = await Connection.open(cloud.cloud.mqttPort, identity, javaConnect(thing, true));
    for (const topic of ['update/accepted', 'update/delta', 'update/documents', 'delete/accepted']) {
      await device.subscribe(`${base}/${topic}`);
    }
    const shadow = shadowOf(thing, name);
    await shadow.update({ state: { desired: { color: 'red', size: 1 } }, clientToken: 't1' });
    expect(await device.next(`${base}/update/accepted`)).toMatchObject({ version: 1, clientToken: 't1' });
    expect(await device.next(`${base}/update/delta`)).toEqual({
      state: { color: 'red', size: 1 },
      metadata: { color: { timestamp: seconds }, size: { timestamp: seconds } },
      version: 1,
      timestamp: seconds,
      clientToken: 't1',
    });
    expect(await device.next(`${base}/update/documents`)).toEqual({
      current: {
        state: { desired: { color: 'red', size: 1 } },
        metadata: { desired: { color: { timestamp: seconds }, size: { timestamp: seconds } } },
        version: 1,
      },
      timestamp: seconds,
      clientToken: 't1',
    });
    await shadow.update({ state: { reported: { color: 'red', size: 2 } } });
    expect(await device.next(`${base}/update/delta`)).toMatchObject({ state: { size: 1 }, version: 2 });
    expect(await device.next(`${base}/update/documents`)).toMatchObject({
      previous: { version: 1 },
      current: { version: 2 },
    });
    await shadow.update({ state: { reported: { size: 1 } } });
    await shadow.delete();
    expect(await device.next(`${base}/delete/accepted`)).toEqual({ version: 3, timestamp: seconds });
    expect(device.left(`${base}/update/delta`)).toEqual([]); // They agreed.
    await device.drop();
  });
});

describe('named shadows', () => {
  test('are listed in pages, without the classic one; those of an unknown thing are none', async () => {
    const { thing } = await newThing();
    await shadowOf(thing).update({ state: { desired: { a: 1 } } });
    for (const name of ['a', 'b', 'c']) await shadowOf(thing, name).update({ state: { desired: { a: 1 } } });
    await shadowOf(thing, 'b').delete();
    const list = (more: object = {}) =>
      cloud.data.send(new ListNamedShadowsForThingCommand({ thingName: thing, ...more }));
    expect(await list()).toMatchObject({ results: ['a', 'c'], timestamp: seconds });
    const page = await list({ pageSize: 1 });
    expect(page.results).toEqual(['a']);
    const last = await list({ pageSize: 1, nextToken: page.nextToken });
    expect(last.results).toEqual(['c']);
    expect(last.nextToken).toBeUndefined();
    expect(await cloud.data.send(new ListNamedShadowsForThingCommand({ thingName: 'nobody' }))).toMatchObject({
      results: [],
    });
  });

  test('of prototype names are names like others, and so are such keys in them', async () => {
    const { thing } = await newThing();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const shadow = shadowOf(thing, name);
      const document = `{"state":{"desired":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}}`;
      await shadow.update(document);
      const { payload } = await cloud.data.send(new GetThingShadowCommand({ thingName: thing, shadowName: name }));
      expect(Buffer.from(payload ?? []).toString('utf8')).toContain('"__proto__":{"polluted":1}');
    }
    const { results } = await cloud.data.send(new ListNamedShadowsForThingCommand({ thingName: thing }));
    expect(results).toEqual(['__proto__', 'constructor', 'toString']);
    expect(await refusalOf(shadowOf(thing, 'valueOf').get())).toMatchObject({ status: 404 });
  });

  test('the shadow of deployments has no limit of size', async () => {
    const { thing } = await newThing();
    const fleetConfig = JSON.stringify({ text: 'x'.repeat(20_000) });
    const shadow = shadowOf(thing, deploymentShadow);
    expect(await shadow.update({ state: { desired: { fleetConfig, desiredStatus: 'SUCCEEDED' } } })).toMatchObject({
      version: 1,
    });
    expect(await shadow.get()).toMatchObject({ state: { desired: { fleetConfig } } });
  });
});

describe.each([
  { version: 'MQTT 5', options: (thing: string) => javaConnect(thing, true) },
  { version: 'MQTT 3.1.1', options: liteConnect },
])('shadows over $version', ({ options }) => {
  async function connected() {
    const identity = await newThing();
    const device = await Connection.open(cloud.cloud.mqttPort, identity, options(identity.thing));
    const base = (name?: string) => `$aws/things/${identity.thing}/shadow${name === undefined ? '' : `/name/${name}`}`;
    return { device, base };
  }

  test.each([undefined, 'config'])('get, update and delete the shadow %s, with the token of each', async (name) => {
    const { device, base } = await connected();
    const topic = base(name);
    for (const filter of ['get/+', 'update/+', 'delete/+']) await device.subscribe(`${topic}/${filter}`);
    const missing = await device.request(`${topic}/get`, { clientToken: 'g' });
    expect(missing).toEqual({
      outcome: 'rejected',
      body: { code: 404, message: expect.stringContaining('No shadow exists'), timestamp: seconds, clientToken: 'g' },
    });
    const update = await device.request(`${topic}/update`, {
      state: { desired: { on: true }, reported: { on: false } },
      clientToken: 'u',
    });
    expect(update.body).toMatchObject({ version: 1, timestamp: seconds, clientToken: 'u' });
    expect(await device.next(`${topic}/update/delta`)).toMatchObject({
      state: { on: true },
      version: 1,
      clientToken: 'u',
    });
    expect(await device.next(`${topic}/update/documents`)).toMatchObject({ current: { version: 1 }, clientToken: 'u' });
    const got = await device.request(`${topic}/get`, '');
    expect(got.body).toEqual({
      state: { desired: { on: true }, reported: { on: false }, delta: { on: true } },
      metadata: { desired: { on: { timestamp: seconds } }, reported: { on: { timestamp: seconds } } },
      version: 1,
      timestamp: seconds,
    });
    const stale = await device.request(`${topic}/update`, {
      state: { desired: { on: 1 } },
      version: 9,
      clientToken: 's',
    });
    expect(stale).toEqual({
      outcome: 'rejected',
      body: { code: 409, message: 'Version conflict', timestamp: seconds, clientToken: 's' },
    });
    const gone = await device.request(`${topic}/delete`, { clientToken: 'd' });
    expect(gone.body).toEqual({ version: 1, timestamp: seconds, clientToken: 'd' });
    const again = await device.request(`${topic}/update`, { state: { reported: { on: 1 } } });
    expect(again.body['version']).toBeGreaterThan(1);
    await device.drop();
  });

  test('a report of 8193 bytes is rejected with 413, one of another make with 400, each with its token', async () => {
    const { device, base } = await connected();
    const large = { state: { reported: { text: 'x'.repeat(8193) } }, clientToken: 'l' };
    expect((await device.request(`${base()}/update`, large)).body).toMatchObject({ code: 413, clientToken: 'l' });
    expect((await device.request(`${base()}/update`, { state: 1, clientToken: 'w' })).body).toMatchObject({
      code: 400,
      clientToken: 'w',
    });
    expect((await device.request(`${base()}/update`, '{')).body).toMatchObject({ code: 400 });
    expect((await device.request(`${base()}/get`, '')).body).toMatchObject({ code: 404 });
    await device.drop();
  });

  test('two updates at once get two versions, and each answer its own', async () => {
    const { device, base } = await connected();
    const topic = `${base('race')}/update`;
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        device.publish(topic, { state: { reported: { [`k${index}`]: index } }, clientToken: String(index) }),
      ),
    );
    const versions: unknown[] = [];
    for (let index = 0; index < 20; index++) {
      const answer = await device.next(`${topic}/accepted`);
      expect(answer['state']).toEqual({ reported: { [`k${answer['clientToken']}`]: Number(answer['clientToken']) } });
      versions.push(answer['version']);
    }
    expect(versions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await device.drop();
  });
});
