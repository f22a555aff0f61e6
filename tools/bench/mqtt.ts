import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import type { Figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';
import { type BenchBroker, load, openFilesLimit, startMosquitto, startOurs } from './mqtt/brokers.ts';
import { makeCertificates } from './mqtt/certificates.ts';

/** Idle connections, where the machine allows so many open files. */
const IDLE = 10_000;

/** The MQTT server under load, over mutual TLS; beside Mosquitto, where it is installed, under the same load. */
export async function mqttBench(): Promise<Figure[]> {
  const folder = temporaryFolder();
  try {
    makeCertificates(folder.path);
    const both = await Promise.all([startOurs(folder.path), startMosquitto(folder.path)]);
    const brokers = both.filter((broker) => broker !== undefined);
    try {
      const figures: Figure[] = [];
      figures.push(...(await connects(brokers, folder.path)));
      for (const clients of [50, 200]) figures.push(...(await roundTrips(brokers, folder.path, clients)));
      figures.push(await reconnecting(brokers, folder.path));
      figures.push(...(await fanOut(brokers, folder.path)));
      return [...figures, ...(await memory(folder.path))];
    } finally {
      for (const broker of brokers) await broker.stop();
    }
  } finally {
    folder.remove();
  }
}

/** One figure a broker; ours is held against the other. */
function compare(name: string, unit: string, measured: readonly (readonly [BenchBroker, number[]])[]): Figure[] {
  const other = measured.find(([broker]) => broker.name !== 'ours');
  return measured.map(([broker, samples]) => ({
    name: `${name}, ${broker.name}`,
    unit,
    samples,
    comparedWith: broker.name === 'ours' ? (other ? 'Mosquitto, below' : 'Mosquitto is not installed') : 'ours, above',
  }));
}

/** Measures one after the other, and again, so that what else the machine does meets all alike. */
async function each(
  brokers: readonly BenchBroker[],
  measure: (broker: BenchBroker) => Promise<number[]>,
): Promise<(readonly [BenchBroker, number[]])[]> {
  const measured = brokers.map((broker) => [broker, [] as number[]] as const);
  for (let pass = 0; pass < 2; pass++) {
    for (const [broker, samples] of measured) samples.push(...(await measure(broker)));
  }
  return measured;
}

async function connects(brokers: readonly BenchBroker[], folder: string): Promise<Figure[]> {
  const measured = await each(brokers, (broker) => load(broker, folder, { kind: 'connects', lanes: 16, seconds: 2 }));
  return compare('MQTT connects, mutual TLS', '1/s', measured);
}

async function roundTrips(brokers: readonly BenchBroker[], folder: string, clients: number): Promise<Figure[]> {
  const [ours] = brokers;
  const measured = await each(brokers, (broker) =>
    load(broker, folder, { kind: 'round-trips', clients, style: 'echo', seconds: 1 }),
  );
  const echoes = compare(`MQTT QoS 1 echo, ${clients} clients`, '1/s', measured);
  if (!ours) return echoes;
  const samples = await load(ours, folder, { kind: 'round-trips', clients, style: 'request', seconds: 2 });
  const name = `MQTT request and answer, ${clients} clients`;
  return [{ name, unit: '1/s', samples, comparedWith: 'an echo, below' }, ...echoes];
}

async function reconnecting([ours]: readonly BenchBroker[], folder: string): Promise<Figure> {
  if (!ours) throw new Error('no broker');
  const latencies = load(ours, folder, { kind: 'latency', clients: 20, seconds: 3 });
  await load(ours, folder, { kind: 'idle', connections: 1000 });
  const sorted = (await latencies).sort((a, b) => a - b);
  return {
    name: 'MQTT request, p99 while 1,000 connect',
    unit: 'ms',
    samples: [sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN],
    comparedWith: `the median then, ${(sorted[sorted.length >> 1] ?? Number.NaN).toFixed(1)} ms`,
  };
}

async function fanOut(brokers: readonly BenchBroker[], folder: string): Promise<Figure[]> {
  const measured = await each(brokers, (broker) =>
    load(broker, folder, { kind: 'fan-out', subscribers: 1000, rounds: 10 }),
  );
  return compare('MQTT fan-out to 1,000, QoS 1', 'ms', measured);
}

/** Memory for each of many idle connections with a session and five subscriptions, over that of a server that has run. */
async function memory(folder: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, wanted, start] of [
    ['ours', IDLE, () => startOurs(folder)],
    // Its memory is the same for each, and connecting takes long.
    ['Mosquitto', 2000, () => startMosquitto(folder)],
  ] as const) {
    const connections = Math.min(wanted, openFilesLimit() - 200);
    const broker = await start();
    if (!broker) continue;
    await load(broker, folder, { kind: 'idle', connections: 300 });
    await broker.collect();
    const before = residentMegabytes(broker.pid);
    let held = 0;
    let collected = 0;
    await load(broker, folder, { kind: 'idle', connections }, async () => {
      held = residentMegabytes(broker.pid);
      await broker.collect();
      collected = residentMegabytes(broker.pid);
    });
    await broker.stop();
    const each = (megabytes: number): number => ((megabytes - before) * 1000) / connections;
    figures.push({
      name: `MQTT memory a connection of ${connections}, ${name}`,
      unit: 'kB',
      samples: [each(held)],
      comparedWith:
        name === 'Mosquitto' ? 'ours, above' : `expected: under 60; ${each(collected).toFixed(1)} after a collection`,
    });
  }
  return figures;
}
