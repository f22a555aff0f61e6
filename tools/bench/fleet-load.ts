// The load of the bench `fleet`, in a thread of its own: so that it delays the cloud, and not the client that measures.
import { parentPort, workerData } from 'node:worker_threads';
import { BareClient, dialer, eachOf } from '../../tests/protocol/bare-client.ts';
import { topicsOf } from '../../tests/protocol/scripted-nucleus.ts';
import type { Load } from './fleet.ts';

const { port, identities, clients, atOnce, asks }: Load = workerData;
const dialers = identities.map((identity) => dialer(port, identity));

/** One device comes: its connection, its subscriptions, and its question. */
async function come(index: number): Promise<BareClient> {
  const { thing, clientId } = clients[index] ?? { thing: '', clientId: '', identity: 0 };
  const from = dialers[clients[index]?.identity ?? 0];
  if (from === undefined) throw new Error('no such identity');
  const { next, notify, notifyNext, shadow } = topicsOf(thing);
  const client = await BareClient.open(from, clientId);
  await client.subscribe(`${next}/accepted`, `${next}/rejected`, notify, notifyNext, `${shadow}/update/accepted`);
  if (asks) await client.request(next, '{}');
  return client;
}

const connected = await eachOf(clients.length, atOnce, come);
parentPort?.postMessage('connected');
parentPort?.once('message', () => {
  for (const client of connected) client.destroy();
  parentPort?.close();
});
