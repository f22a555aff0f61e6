// The clients of a bench: `load.ts PORT FOLDER SCENARIO-AS-JSON`, started with an IPC channel. It reports numbers when it has
// them, and holds its connections until its parent is done with it.
import { createSecureContext } from 'node:tls';
import { BenchClient } from './bench-client.ts';
import { identityOf } from './certificates.ts';
import { publishPacket } from './packets.ts';

export type Scenario =
  /** Connects and disconnects, so many at a time: how many a second, a number for each half second. */
  | { readonly kind: 'connects'; readonly lanes: number; readonly seconds: number }
  /**
   * Each client publishes (QoS 1) and waits for its PUBACK and for a message (QoS 1), then again: how many a second, a number
   * for each half second. `request` publishes to a topic that the server answers, `echo` to one that the client subscribed to.
   */
  | {
      readonly kind: 'round-trips';
      readonly clients: number;
      readonly style: 'request' | 'echo';
      readonly seconds: number;
    }
  /** Requests as above, one after the other, with a pause of 10 ms: the ms that each took. */
  | { readonly kind: 'latency'; readonly clients: number; readonly seconds: number }
  /** Idle clients with the subscriptions of a device: how many there are. */
  | { readonly kind: 'idle'; readonly connections: number }
  /** One message to many subscribers: how many ms until the last has it, a number for each round. */
  | { readonly kind: 'fan-out'; readonly subscribers: number; readonly rounds: number };

const [, , port = '', folder = '', scenario = '{}'] = process.argv;
const secureContext = createSecureContext(identityOf(folder, 'client'));
const open = (clientId: string, expirySeconds = 0): Promise<BenchClient> =>
  BenchClient.open(Number(port), secureContext, clientId, expirySeconds);

/** Does `work` for 0 to `count - 1`, 16 at a time. */
async function each(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) await work(number);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

/** Rates of events, one for each half second, without the first, in which everything warms up. */
function counter(seconds: number): { add(): void; readonly running: boolean; rates(): number[] } {
  const start = performance.now();
  const counts: number[] = Array.from({ length: seconds * 2 + 1 }, () => 0);
  const at = (): number => Math.floor((performance.now() - start) / 500);
  return {
    add: () => {
      const window = at();
      if (window < counts.length) counts[window] = (counts[window] ?? 0) + 1;
    },
    get running() {
      return at() < counts.length;
    },
    rates: () => counts.slice(1).map((count) => count * 2),
  };
}

async function connects(lanes: number, seconds: number): Promise<number[]> {
  const count = counter(seconds);
  let number = 0;
  const lane = async (): Promise<void> => {
    while (count.running) {
      const client = await open(`bench-${number++}`);
      count.add();
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return count.rates();
}

async function roundTrips(clients: number, style: 'request' | 'echo', seconds: number): Promise<number[]> {
  const all: (readonly [BenchClient, string])[] = [];
  await each(clients, async (number) => {
    const client = await open(`bench-${number}`);
    const topic = style === 'request' ? `$aws/things/bench-${number}/jobs/get` : `bench/${number}/echo`;
    if (style === 'echo') await client.subscribe([topic], 1);
    all.push([client, topic]);
  });
  const count = counter(seconds);
  const talk = ([client, topic]: readonly [BenchClient, string]): Promise<void> =>
    new Promise((resolve) => {
      const question = publishPacket(topic, '{"clientToken":"0123456789"}');
      let missing = 2;
      const ask = (): void => {
        missing = 2;
        client.send(question);
      };
      client.arrived = (header, body) => {
        if (header >> 4 === 3) client.acknowledge(body);
        if (--missing > 0) return;
        count.add();
        if (count.running) ask();
        else resolve();
      };
      ask();
    });
  await Promise.all(all.map(talk));
  return count.rates();
}

async function latency(clients: number, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  const talk = async (number: number): Promise<void> => {
    const client = await open(`bench-asking-${number}`);
    const topic = `$aws/things/bench-asking-${number}/jobs/get`;
    while (performance.now() < end) {
      const start = performance.now();
      const answer = client.next(0x32);
      client.send(publishPacket(topic, '{}'));
      client.acknowledge(await answer);
      times.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => talk(number)));
  return times;
}

async function idle(connections: number): Promise<number[]> {
  let opened = 0;
  await each(connections, async (number) => {
    const name = `bench-core-${number}`;
    const client = await open(name, 3600);
    const own = `$aws/things/${name}`;
    const job = 'namespace-aws-gg-deployment';
    const shadow = `${own}/shadow/name/AWSManagedGreengrassV2Deployment`;
    await client.subscribe([`${own}/jobs/notify-${job}`, `${own}/jobs/$next/${job}/get/accepted`], 1);
    await client.subscribe([`${own}/jobs/+/${job}/update/accepted`, `${shadow}/update/accepted`], 1);
    await client.subscribe([`${shadow}/get/accepted`], 1);
    opened++;
  });
  return [opened];
}

async function fanOut(subscribers: number, rounds: number): Promise<number[]> {
  let missing = 0;
  let done = (): void => {};
  await each(subscribers, async (number) => {
    const client = await open(`bench-${number}`);
    await client.subscribe(['bench/all'], 1);
    client.arrived = (header, body) => {
      if (header >> 4 !== 3) return;
      client.acknowledge(body);
      if (--missing === 0) done();
    };
  });
  const publisher = await open('bench-publisher');
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    missing = subscribers;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const acknowledged = publisher.next(0x40);
    const start = performance.now();
    publisher.send(publishPacket('bench/all', Buffer.alloc(256)));
    await all;
    if (round > 0) times.push(performance.now() - start); // The first warms up.
    await acknowledged;
  }
  return times;
}

async function run(wanted: Scenario): Promise<number[]> {
  switch (wanted.kind) {
    case 'connects':
      return await connects(wanted.lanes, wanted.seconds);
    case 'round-trips':
      return await roundTrips(wanted.clients, wanted.style, wanted.seconds);
    case 'latency':
      return await latency(wanted.clients, wanted.seconds);
    case 'idle':
      return await idle(wanted.connections);
    case 'fan-out':
      return await fanOut(wanted.subscribers, wanted.rounds);
  }
}

if (process.send) {
  const wanted: Scenario = JSON.parse(scenario);
  process.on('disconnect', () => process.exit());
  process.send({ kind: 'ready', samples: await run(wanted) });
}
