import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { Fault } from '@greensward/kit';
import { emptyConfiguration } from '@greensward/model/configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DeviceStore, openDeviceStore } from './device-store.ts';
import { type DeploymentRecord, deploymentKey, type SetEntry, type Stage } from './records.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let store: DeviceStore;

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'device.db');
  store = openDeviceStore(file);
});
afterEach(() => {
  store.close();
  folder.remove();
});

function reopen(): void {
  store.close();
  store = openDeviceStore(file);
}

/** The file as a power cut at this moment leaves it, opened by a runtime after it. */
function afterPowerCut(look: (other: DeviceStore) => void): void {
  const copy = join(folder.path, 'copy.db');
  for (const end of ['', '-wal']) writeFileSync(`${copy}${end}`, readFileSync(`${file}${end}`));
  const other = openDeviceStore(copy);
  try {
    look(other);
  } finally {
    other.close();
  }
}

function fault(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const entry = (name: string): SetEntry => ({
  name,
  version: '1.0.0',
  arn: '',
  configuration: emptyConfiguration(),
  isRoot: true,
  sources: [],
});

function deployment(jobId: string, stage: Stage): DeploymentRecord {
  const source = { kind: 'job', jobId, queuedAt: 1 } as const;
  return { key: deploymentKey(source), source, document: { of: jobId }, stage };
}

const owedOf = (jobId: string) => ({ source: { kind: 'job', jobId, queuedAt: 1 }, status: 'IN_PROGRESS' }) as const;

describe('what was committed', () => {
  test('is there after a power cut at once, all of it', () => {
    store.transaction(() => {
      store.replaceComponents([entry('App')]);
      store.replaceGroups({ 'thinggroup/x': { roots: { App: '1.0.0' }, configurationArn: 'arn', timestamp: 7 } });
      store.putDeployment(deployment('a', 'APPLYING'));
      store.owe(owedOf('a'));
    });
    afterPowerCut((other) => {
      expect([...other.components().values()]).toEqual([entry('App')]);
      expect(other.groups().get('thinggroup/x')?.timestamp).toBe(7);
      expect(other.openDeployments()).toEqual([deployment('a', 'APPLYING')]);
      expect(other.isChanging()).toBe(true);
      expect(other.owedStatuses()).toEqual([{ ...owedOf('a'), id: 1, reported: false }]);
    });
  });

  test('is nothing of a transaction that failed or was not finished', () => {
    store.replaceComponents([entry('Before')]);
    expect(() =>
      store.transaction(() => {
        store.replaceComponents([entry('After')]);
        afterPowerCut((other) => expect([...other.components().keys()]).toEqual(['Before']));
        throw new Error('no');
      }),
    ).toThrow('no');
    expect([...store.components().keys()]).toEqual(['Before']);
    reopen();
    expect([...store.components().keys()]).toEqual(['Before']);
  });
});

describe('deployments', () => {
  test('keep the order of their arrival through every change', () => {
    store.putDeployment(deployment('a', 'QUEUED'));
    store.putDeployment(deployment('b', 'QUEUED'));
    store.putDeployment(deployment('a', 'PREPARING'));
    reopen();
    expect(store.openDeployments().map(({ key, stage }) => `${key} ${stage}`)).toEqual([
      'job/a/1 PREPARING',
      'job/b/1 QUEUED',
    ]);
    expect(store.isChanging()).toBe(false);
    store.deleteDeployment('job/a/1');
    expect(store.deployment('job/a/1')).toBeUndefined();
  });

  test('that have ended are remembered, but not without end; open ones always', () => {
    store.putDeployment(deployment('open', 'PREPARING'));
    for (let i = 0; i < 60; i++) store.putDeployment(deployment(`j${i}`, 'ENDED'));
    expect(store.deployment('job/j9/1')).toBeUndefined();
    expect(store.deployment('job/j10/1')?.stage).toBe('ENDED');
    expect(store.openDeployments().map(({ key }) => key)).toEqual(['job/open/1']);
  });
});

test('owed statuses come oldest first, keep what is delivered of them, and a number is never given twice', () => {
  store.owe(owedOf('a'));
  store.owe(owedOf('b'));
  const [first, second] = store.owedStatuses();
  if (first === undefined || second === undefined) throw new Error('two are owed');
  store.updateOwed({ ...second, reported: true });
  store.settle(first.id);
  store.settle(second.id);
  store.owe(owedOf('c'));
  expect(store.owedStatuses().map(({ id, reported }) => [id, reported])).toEqual([[3, false]]);
});

test('a sequence goes on over restarts, each on its own', () => {
  expect([store.next('x'), store.next('x'), store.next('y')]).toEqual([0, 1, 0]);
  reopen();
  expect(store.next('x')).toBe(2);
});

test('a store that a command holds for a moment is waited for', async () => {
  const other = join(folder.path, 'held.db');
  // Not a write-ahead log yet: so nobody may even look at it while it is written.
  const hold = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(workerData);
    database.exec('begin exclusive');
    parentPort.postMessage('held');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    database.exec('commit');
    database.close();`;
  const worker = new Worker(hold, { eval: true, workerData: other });
  await once(worker, 'message');
  const ended = once(worker, 'exit');
  openDeviceStore(other).close();
  await ended;
});

describe('a store that cannot be used is refused', () => {
  test('while another runtime has it, and is free as soon as that is gone', () => {
    expect(fault(() => openDeviceStore(file))).toMatchObject({ code: 'STORE_IN_USE' });
    reopen();
  });

  test('when a newer runtime wrote it, and is left as it is', () => {
    store.close();
    const newer = new DatabaseSync(file);
    newer.exec('pragma user_version = 99');
    newer.close();
    expect(fault(() => openDeviceStore(file))).toMatchObject({ code: 'STORE_NEWER' });
    const again = new DatabaseSync(file);
    expect(again.prepare('pragma user_version').get()?.['user_version']).toBe(99);
    again.exec('pragma user_version = 1');
    again.close();
    store = openDeviceStore(file);
  });

  test('when it is damaged, in one line that says what to do', () => {
    const other = join(folder.path, 'other.db');
    writeFileSync(other, 'this is no database, but it is long enough to be looked at as one'.repeat(40));
    const { code, message } = fault(() => openDeviceStore(other));
    expect(code).toBe('STORE_CORRUPT');
    expect(message).toMatch(/^[^\n]*provision the device anew$/);
  });
});
