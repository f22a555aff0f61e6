import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { connectPacket, subscribePacket } from '@greensward/simulator/packets';
import { BareClient, dial, dialer, eachOf, percentile, roundTrips } from '../../tests/protocol/bare-client.ts';
import { type Identity, type ProtocolCloud, startProtocolCloud } from '../../tests/protocol/protocol-cloud.ts';
import { topicsOf } from '../../tests/protocol/scripted-nucleus.ts';
import type { Figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';

const stormSeconds = 60;
/** As many as keep a cloud on the same machine busy; each connects, is answered, breaks off, and connects again. */
const stormWorkers = 16;
const slowReaders = 100;
const floodMessages = 4000;
const floodBytes = 50_000;
const probeThing = 'storm-probe';
const probeTopic = topicsOf(probeThing).next;

/** What the thread of the storm is to do. */
export interface Storm {
  readonly port: number;
  readonly identity: Omit<Identity, 'thing'>;
  readonly clientIds: readonly string[];
  /** Each with connections of its own, one after the other. */
  readonly workers: number;
  readonly seconds: number;
}

interface Scene {
  readonly cloud: ProtocolCloud['cloud'];
  /** Of those who do it. */
  readonly crowd: Omit<Identity, 'thing'>;
  /** The device that only wants to work. */
  readonly probe: BareClient;
}

/** What the others do to one device: connects for a minute, and clients that are sent much and read nothing. */
export async function storms(): Promise<Figure[]> {
  return [...(await scene(connects)), ...(await scene(unread))];
}

/** Each on a cloud of its own: memory that one took and gave back would hide what the next takes. */
async function scene(play: (scene: Scene) => Promise<Figure[]>): Promise<Figure[]> {
  const under = await startProtocolCloud();
  try {
    const { cloud } = under;
    const { thing: _, ...crowd } = await under.core('storm');
    const probe = await BareClient.open(dialer(cloud.mqttPort, await under.core(probeThing)), probeThing);
    await probe.request(probeTopic, '{}');
    const figures = await play({ cloud, crowd, probe });
    probe.destroy();
    return figures;
  } finally {
    await under.stop();
  }
}

/** As many connects a second as the machine gives, for a minute. */
async function connects({ cloud, crowd: identity, probe }: Scene): Promise<Figure[]> {
  const { mqttPort: port, process } = cloud;
  const clientIds = Array.from({ length: 1000 }, (_, index) => `storm#${index}`);
  const storm: Storm = { port, identity, clientIds, workers: stormWorkers, seconds: stormSeconds };
  const before = residentMegabytes(process.pid);
  const worker = new Worker(new URL('./connect-load.ts', import.meta.url), { workerData: storm });
  const done = once(worker, 'message'); // Rejects when the thread fails.
  const samples = await roundTrips(probe, probeTopic, done);
  const [perSecond]: readonly number[][] = await done;
  const after = residentMegabytes(process.pid);
  return [
    {
      name: `connects for ${stormSeconds} s: TLS with certificate, CONNECT, broken off`,
      unit: 'connects/s',
      samples: perSecond ?? [],
      comparedWith: 'each second; client and cloud on one machine',
    },
    ...cost(`${stormSeconds} s of connects`, samples, before, after),
  ];
}

/** Clients that subscribe and never read, while all of them are sent much. */
async function unread({ cloud, crowd, probe }: Scene): Promise<Figure[]> {
  const { pid } = cloud.process;
  const from = dialer(cloud.mqttPort, crowd);
  const before = residentMegabytes(pid);
  const readers = await eachOf(slowReaders, 20, async (index) => {
    const socket = await dial(from);
    socket.write(connectPacket(4, `storm#slow${index}`));
    socket.write(subscribePacket(4, 1, ['flood']));
    socket.pause(); // Nothing is ever read, not even the CONNACK.
    return socket;
  });
  const flooder = await BareClient.open(from, 'storm#flooder');
  const payload = Buffer.alloc(floodBytes);
  const flood = async () => {
    for (let message = 1; message <= floodMessages; message++) {
      flooder.publish('flood', payload, 1);
      // A question behind it: the flood goes no faster than the cloud takes it.
      if (message % 10 === 0) await flooder.request(topicsOf('storm').next, '{}');
    }
  };
  const flooding = flood();
  const samples = await roundTrips(probe, probeTopic, flooding);
  await flooding;
  const after = residentMegabytes(pid);
  for (const socket of readers) socket.destroy();
  flooder.destroy();
  const sent = ((floodMessages * floodBytes) / 1e6).toFixed(0);
  return cost(`${slowReaders} slow readers, ${sent} MB for each`, samples, before, after);
}

function cost(what: string, samples: readonly number[], before: number, after: number): Figure[] {
  return [
    {
      name: `jobs request, p99, during ${what}`,
      unit: 'ms',
      samples: [percentile(samples, 0.99)],
      comparedWith: `median ${percentile(samples, 0.5).toFixed(1)} ms of ${samples.length}`,
    },
    {
      name: `memory of the cloud after ${what}`,
      unit: 'MB',
      samples: [after],
      comparedWith: `${before.toFixed(0)} MB before`,
    },
  ];
}
