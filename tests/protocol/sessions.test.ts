import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { Connection, javaConnect } from './scripted-nucleus.ts';

// What the broker keeps for devices that are away, over the death of the cloud.

let cloud: ProtocolCloud;

beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterAll(() => cloud.stop());

const port = () => cloud.cloud.mqttPort;
const passing = { protocolVersion: 4, clean: true } as const;
const kept4 = { protocolVersion: 4, clean: false } as const;
const kept5 = { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 3600 } } as const;

test.each([
  { how: 'kill', version: 4, kept: kept4 },
  { how: 'kill', version: 5, kept: kept5 },
  { how: 'stop', version: 5, kept: kept5 },
] as const)(
  'a device of MQTT $version that is away over a $how of the cloud resumes and gets what was sent',
  async ({ how, version, kept }) => {
    const [away, active] = [await cloud.core(`away-${how}-${version}`), await cloud.core(`active-${how}-${version}`)];
    const topic = `plant/${how}/${version}`;
    const before = await Connection.open(port(), away, kept);
    expect(before.connack.sessionPresent).toBe(false);
    expect(await before.subscribe(`${topic}/+`)).toBe(1);
    await before.disconnect();

    const publisher = await Connection.open(port(), active, passing);
    // Each resolves with its PUBACK.
    for (const order of [1, 2]) await publisher.publish(`${topic}/state`, { order });
    await publisher.publish(`${topic}/retained`, { keptFor: 'all' }, 1, true);
    await cloud.restart(how);

    const after = await Connection.open(port(), away, kept);
    expect(after.connack.sessionPresent).toBe(true);
    expect([await after.next(`${topic}/state`), await after.next(`${topic}/state`)]).toEqual([
      { order: 1 },
      { order: 2 },
    ]);
    await after.next(`${topic}/retained`);
    await after.disconnect();
    const other = await Connection.open(port(), active, passing);
    expect(other.connack.sessionPresent).toBe(false);
    await other.subscribe(`${topic}/#`);
    expect(await other.next(`${topic}/retained`)).toEqual({ keptFor: 'all' });
    await other.disconnect();

    // What was delivered is not delivered again.
    await cloud.restart(how);
    const last = await Connection.open(port(), away, kept);
    expect(last.connack.sessionPresent).toBe(true);
    await last.publish(`${topic}/marker`, {});
    await last.next(`${topic}/marker`);
    expect(last.received.map((each) => each.topic)).toEqual([`${topic}/marker`]);
    await last.disconnect();
  },
);

test('the session of a device that was connected when the cloud was killed is there too', async () => {
  const device = await cloud.core('connected');
  const before = await Connection.open(port(), device, kept5);
  await before.subscribe('plant/connected');
  await cloud.restart('kill');
  const after = await Connection.open(port(), device, kept5);
  expect(after.connack.sessionPresent).toBe(true);
  await after.publish('plant/connected', {});
  await after.next('plant/connected');
  await after.disconnect();
  await before.drop();
});

test('of a device that provisions itself nothing is kept', async () => {
  const claim = await cloud.certificate();
  const before = await Connection.open(port(), { ...claim, thing: 'claiming' }, javaConnect('claiming', false));
  expect(await before.subscribe('$aws/certificates/create/json/accepted')).toBe(1);
  // A session that is kept, written after it.
  const device = await cloud.core('kept');
  const kept = await Connection.open(port(), device, kept4);
  await kept.subscribe('plant/kept');
  await Promise.all([before.disconnect(), kept.disconnect()]);
  await cloud.restart('stop');
  const database = new DatabaseSync(join(cloud.cloud.folder, 'greensward.db'), { readOnly: true });
  const clients = database.prepare('select client_id from mqtt_session').all();
  database.close();
  const ids = clients.map((row) => row['client_id']);
  expect(ids).toContain('kept');
  expect(ids).not.toContain('claiming');
});
