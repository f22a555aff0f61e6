import { Fault, silentLog } from '@greensward/kit';
import { systemTimers } from '@greensward/kit/node';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { ThingConnection } from '../domain/fleet-index/thing-connection.ts';
import { createConnectionReports } from './connection-reports.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await openTestCloud();
  await cloud.addThings(undefined, 'a', 'b');
});
afterEach(() => cloud.close());

const stored = () => cloud.storage.read((tx) => tx.fleetIndex.connections(['a', 'b', 'nobody']));

test('the last word of each thing is stored, many at once, and none of things that are not there', async () => {
  const batches: number[] = [];
  const setConnections = (connections: readonly ThingConnection[]) => {
    batches.push(connections.length);
    return cloud.app.fleetIndex.setConnections(connections);
  };
  const reports = createConnectionReports({
    ...{ index: { setConnections }, clock: cloud.clock, timers: systemTimers, log: silentLog },
  });
  reports.connected('a');
  reports.connected('nobody');
  reports.connected('b');
  reports.disconnected('b', 'keep-alive');
  await reports.close();
  expect(batches).toEqual([3]);
  const changedAt = cloud.clock.now();
  expect(await stored()).toEqual(
    new Map([
      ['a', { thing: 'a', connected: true, changedAt }],
      ['b', { thing: 'b', connected: false, changedAt, disconnectReason: 'MQTT_KEEP_ALIVE_TIMEOUT' }],
    ]),
  );
});

test('what could not be stored is stored later, unless it has changed since', async () => {
  let failures = 1;
  const setConnections = async (connections: readonly ThingConnection[]) => {
    if (failures-- > 0) throw new Fault('ServiceUnavailableException', 'no', { retryable: true });
    await cloud.app.fleetIndex.setConnections(connections);
  };
  const lines: string[] = [];
  const log = { ...silentLog, error: (message: string) => void lines.push(message) };
  const reports = createConnectionReports({ index: { setConnections }, clock: cloud.clock, timers: systemTimers, log });
  reports.connected('a');
  reports.connected('b');
  await until('the failure is logged', () => lines.length === 1);
  reports.disconnected('b', 'client');
  await until('the rest is stored', async () => (await stored()).size === 2);
  expect([...(await stored()).values()].map(({ connected }) => connected)).toEqual([true, false]);
  await reports.close();
});
