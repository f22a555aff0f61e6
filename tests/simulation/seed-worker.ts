// Runs the seeds that its parent sends, one after the other, until it is sent null.
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { SimulatedDatabase } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import { runSeed } from './run-seed.ts';

const port = parentPort;
if (port === null) throw new Error('seed-worker runs in a worker thread');
const folder = temporaryFolder();
const database = await SimulatedDatabase.open(join(folder.path, 'simulated.db'));
const finish = async () => {
  await database.close();
  folder.remove();
  port.close();
};
port.on('message', (seed: number | null) => {
  const done = seed === null ? finish() : runSeed(seed, database).then((report) => port.postMessage(report));
  done.catch((error: unknown) => {
    // To the parent, as an error of this thread.
    queueMicrotask(() => {
      throw error;
    });
  });
});
