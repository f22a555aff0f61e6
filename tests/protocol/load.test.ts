import { readFileSync } from 'node:fs';
import { connectPacket, subscribePacket } from '@greensward/simulator/packets';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BareClient, type Dialer, dial, dialer, eachOf, percentile, roundTrips } from './bare-client.ts';
import { type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { topicsOf } from './scripted-nucleus.ts';

// Many connections that do nothing and some that do not read, while another device goes on working. `npm run bench -- fleet`
// measures; here it only must hold.

const idleConnections = 2000;
const slowReaders = 100;
/** Each reader may be owed 1 MB unsent and 1 MB waiting; the messages themselves are shared. */
const boundMegabytes = 400;

let cloud: ProtocolCloud;
let crowd: Dialer;
let worker: BareClient;
const next = topicsOf('worker').next;

beforeAll(async () => {
  cloud = await startProtocolCloud();
  const { mqttPort } = cloud.cloud;
  crowd = dialer(mqttPort, await cloud.core('crowd'));
  worker = await BareClient.open(dialer(mqttPort, await cloud.core('worker')), 'worker');
  expect(await worker.request(next, '{}')).toBe('accepted');
});
afterAll(async () => {
  worker.destroy();
  await cloud.stop();
});

/** Resident memory of the cloud in MB. */
function memory(): number {
  const [, kilobytes = '0'] =
    readFileSync(`/proc/${cloud.cloud.process.pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}
const told = (what: string, samples: readonly number[], before: number) =>
  console.log(
    `${what}: a request takes ${percentile(samples, 0.5).toFixed(1)} ms (median), ${percentile(samples, 0.99).toFixed(1)} ms (p99);` +
      ` the cloud has ${memory().toFixed(0)} MB, ${before.toFixed(0)} MB before`,
  );

test(`${idleConnections} idle connections let another device work, and cost under 100 kB each`, async () => {
  const before = memory();
  const connecting = eachOf(idleConnections, 50, (index) => BareClient.open(crowd, `crowd#${index}`));
  const samples = await roundTrips(worker, next, connecting);
  const clients = await connecting;
  told(`while ${idleConnections} connect`, samples, before);
  const each = ((memory() - before) * 1000) / idleConnections;
  expect(each).toBeLessThan(100);
  expect(clients.filter(({ socket }) => socket.closed)).toEqual([]);
  for (const client of clients) client.destroy();
  expect(await worker.request(next, '{}')).toBe('accepted');
});

test(`${slowReaders} clients that do not read, flooded with messages, cost bounded memory and only themselves`, async () => {
  const before = memory();
  const readers = await eachOf(slowReaders, 20, async (index) => {
    const socket = await dial(crowd);
    socket.write(connectPacket(4, `crowd#slow${index}`));
    socket.write(subscribePacket(4, 1, ['flood']));
    socket.pause(); // Nothing is ever read, not even the CONNACK.
    return socket;
  });
  const flooder = await BareClient.open(crowd, 'crowd#flooder');
  const payload = Buffer.alloc(50_000);
  const flooding = (async () => {
    for (let message = 0; message < 400; message++) {
      flooder.publish('flood', payload, 1);
      // A question behind it: the flood goes no faster than the cloud takes it.
      if (message % 10 === 9) await flooder.request(topicsOf('crowd').next, '{}');
    }
  })();
  const samples = await roundTrips(worker, next, flooding);
  await flooding;
  told(`while ${slowReaders} do not read`, samples, before);
  expect(cloud.cloud.process.output()).toContain('the queue of the client is full'); // The flood did reach them.
  expect(memory() - before).toBeLessThan(boundMegabytes);
  expect(await worker.request(next, '{}')).toBe('accepted');
  expect(flooder.socket.closed).toBe(false);
  for (const socket of readers) socket.destroy();
  flooder.destroy();
});
