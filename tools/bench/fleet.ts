import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AddThingToThingGroupCommand } from '@aws-sdk/client-iot';
import { until } from '@greensward/testkit/until';
import { BareClient, dialer, eachOf, percentile, roundTrips } from '../../tests/protocol/bare-client.ts';
import { type Identity, type ProtocolCloud, startProtocolCloud } from '../../tests/protocol/protocol-cloud.ts';
import { topicsOf } from '../../tests/protocol/scripted-nucleus.ts';
import type { Figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';

const things = 1000;
const thingsOfCertificate = 20;
const idleConnections = 10_000;
const reconnectRounds = 3;
const requestSeconds = 5;
const requestRounds = 3;
const group = 'bench-fleet';

/** What the load's thread is to do. */
export interface Load {
  readonly port: number;
  readonly identities: readonly Omit<Identity, 'thing'>[];
  /** `identity` is an index into `identities`. */
  readonly clients: readonly { readonly thing: string; readonly clientId: string; readonly identity: number }[];
  readonly atOnce: number;
  /** Whether each asks for its next job once it is there. */
  readonly asks: boolean;
}

type Fleet = Pick<Load, 'identities'> & { readonly names: readonly string[] };

/** A whole cloud, on SQLite, with a fleet: how it serves jobs while devices come back, and what a connection costs. */
export async function fleet(): Promise<Figure[]> {
  const cloud = await startProtocolCloud();
  try {
    const made = await register(cloud);
    const { jobId } = await cloud.deploy({ targetArn: await cloud.group(group) });
    const rates = [...(await requestRates(cloud, made, 50, jobId)), ...(await requestRates(cloud, made, 200, jobId))];
    return [...rates, ...(await reconnects(cloud, made)), ...(await idle(cloud, made))];
  } finally {
    await cloud.stop();
  }
}

async function register(cloud: ProtocolCloud): Promise<Fleet> {
  const certificates = await eachOf(things / thingsOfCertificate, 4, () => cloud.certificate());
  const names = Array.from({ length: things }, (_, index) => `bench-${index}`);
  await cloud.group(group);
  await eachOf(things, 8, async (index) => {
    const { arn = '' } = certificates[Math.floor(index / thingsOfCertificate)] ?? {};
    const thingName = names[index] ?? '';
    await cloud.alsoFor(arn, thingName);
    await cloud.iot.send(new AddThingToThingGroupCommand({ thingGroupName: group, thingName }));
  });
  return { identities: certificates, names };
}

/** Things by number; beyond the last one, further connections of the same. */
function clientsOf({ names }: Fleet, count: number): Load['clients'] {
  return Array.from({ length: count }, (_, index) => {
    const number = index % names.length;
    const thing = names[number] ?? '';
    const connection = Math.floor(index / names.length);
    return {
      thing,
      clientId: connection === 0 ? thing : `${thing}#${connection + 1}`,
      identity: Math.floor(number / thingsOfCertificate),
    };
  });
}

/** Questions and reports a second, with each client waiting for the answer before it goes on. */
async function requestRates(cloud: ProtocolCloud, made: Fleet, count: number, jobId: string): Promise<Figure[]> {
  const dialers = made.identities.map((identity) => dialer(cloud.cloud.mqttPort, identity));
  const devices = await eachOf(count, 20, async (index) => {
    const { thing, clientId, identity } = clientsOf(made, count)[index] ?? { thing: '', clientId: '', identity: 0 };
    const from = dialers[identity];
    if (from === undefined) throw new Error('no such identity');
    return { thing, client: await BareClient.open(from, clientId) };
  });
  // The rollout may still be on its way.
  await eachOf(count, 20, (index) =>
    until('the job is there', async () => {
      const device = devices[index];
      if (device === undefined) return true;
      return (
        (await device.client.request(topicsOf(device.thing).update(jobId), '{"status":"IN_PROGRESS"}')) === 'accepted'
      );
    }),
  );
  const rate = async (topicOf: (thing: string) => string, payload: string) => {
    const samples: number[] = [];
    for (let round = 0; round < requestRounds; round++) {
      const end = performance.now() + requestSeconds * 1000;
      let answered = 0;
      await Promise.all(
        devices.map(async ({ thing, client }) => {
          for (const topic = topicOf(thing); performance.now() < end; answered++) await client.request(topic, payload);
        }),
      );
      samples.push(answered / requestSeconds);
    }
    return samples;
  };
  const questions = await rate((thing) => topicsOf(thing).next, '{}');
  const reports = await rate((thing) => topicsOf(thing).update(jobId), '{"status":"IN_PROGRESS"}');
  for (const { client } of devices) client.destroy();
  return [
    {
      name: `jobs: $next/get, ${count} clients`,
      unit: 'requests/s',
      samples: questions,
      comparedWith: 'a read and an answer with the document',
    },
    {
      name: `jobs: update, ${count} clients`,
      unit: 'requests/s',
      samples: reports,
      comparedWith: 'each in a durable commit of SQLite',
    },
  ];
}

/** What a device that is there notices of all the others coming back at once. */
async function reconnects(cloud: ProtocolCloud, made: Fleet): Promise<Figure[]> {
  const { thing: _, ...identity } = await cloud.core('bench-probe');
  const port = cloud.cloud.mqttPort;
  const probe = await BareClient.open(dialer(port, identity), 'bench-probe');
  const { next } = topicsOf('bench-probe');
  const calm: number[] = [];
  const busy: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < reconnectRounds; round++) {
    const pause = new Promise((resolve) => setTimeout(resolve, 2000));
    calm.push(percentile(await roundTrips(probe, next, pause), 0.99));
    const clients = clientsOf(made, things);
    const startedAt = performance.now();
    const load = startLoad({ port, identities: made.identities, clients, atOnce: things, asks: true });
    busy.push(percentile(await roundTrips(probe, next, load.connected), 0.99));
    rates.push(things / ((performance.now() - startedAt) / 1000));
    await load.end();
  }
  probe.destroy();
  return [
    {
      name: 'jobs request, p99, nobody else',
      unit: 'ms',
      samples: calm,
      comparedWith: '',
    },
    {
      name: `jobs request, p99, while ${things} devices reconnect`,
      unit: 'ms',
      samples: busy,
      comparedWith: 'nobody else, above',
    },
    {
      name: 'reconnects: TLS with certificate, CONNECT, 5 filters, $next/get',
      unit: 'devices/s',
      samples: rates,
      comparedWith: 'client and cloud on one machine',
    },
  ];
}

/** Memory of the cloud for connections that subscribed and do nothing. */
async function idle(cloud: ProtocolCloud, made: Fleet): Promise<Figure[]> {
  const { pid } = cloud.cloud.process;
  const before = residentMegabytes(pid);
  const load = startLoad({
    port: cloud.cloud.mqttPort,
    identities: made.identities,
    clients: clientsOf(made, idleConnections),
    atOnce: 100,
    asks: false,
  });
  await load.connected;
  const after = residentMegabytes(pid);
  await load.end();
  return [
    {
      name: `memory a connection, at ${idleConnections}`,
      unit: 'kB',
      samples: [((after - before) * 1000) / idleConnections],
      comparedWith: `the cloud has ${after.toFixed(0)} MB, ${before.toFixed(0)} before; expected: under 60 kB`,
    },
  ];
}

function startLoad(load: Load): { readonly connected: Promise<unknown>; end(): Promise<void> } {
  const worker = new Worker(new URL('./fleet-load.ts', import.meta.url), { workerData: load });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  return {
    connected: Promise.race([once(worker, 'message'), failed]),
    async end() {
      const ended = once(worker, 'exit');
      worker.postMessage('end');
      await ended;
    },
  };
}
