// The connects of the bench `fleet`, in a thread of its own: so that they delay the cloud, and not the client that measures.
import { parentPort, workerData } from 'node:worker_threads';
import { BareClient, dialer, eachOf } from '../../tests/protocol/bare-client.ts';
import type { Storm } from './fleet-storms.ts';

const { port, identity, clientIds, workers, seconds }: Storm = workerData;
const from = dialer(port, identity);
const perSecond = Array.from({ length: seconds }, () => 0);
const start = performance.now();
let next = 0;
await eachOf(workers, workers, async () => {
  while (performance.now() - start < seconds * 1000) {
    const client = await BareClient.open(from, clientIds[next++ % clientIds.length] ?? '');
    client.destroy();
    const second = Math.floor((performance.now() - start) / 1000);
    if (second < seconds) perSecond[second] = (perSecond[second] ?? 0) + 1;
  }
});
parentPort?.postMessage(perSecond);
