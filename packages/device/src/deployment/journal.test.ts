import { silentLog } from '@greensward/kit';
import { expect, test } from 'vitest';
import { openDeviceStore } from '../store/device-store.ts';
import type { DeploymentSource } from '../store/records.ts';
import { DeploymentJournal } from './journal.ts';

test('a device that never reaches its cloud owes it the last 50 ends of local deployments, and all others', () => {
  const store = openDeviceStore(':memory:');
  const journal = new DeploymentJournal({ store, log: silentLog, onOwed: () => {} });
  const end = (key: string, source: DeploymentSource) =>
    journal.end({ key, source, document: {}, stage: 'APPLYING' }, undefined, { status: 'SUCCEEDED' });
  for (let i = 0; i < 60; i++) {
    end(`job/${i}`, { kind: 'job', jobId: `${i}`, queuedAt: 1 });
    end(`local/${i}`, { kind: 'local', deploymentId: `${i}`, createdOn: 1 });
  }
  const owed = store.owedStatuses().map(({ source }) => source);
  expect(owed.filter(({ kind }) => kind === 'job').length).toBe(60);
  expect(owed.flatMap((source) => (source.kind === 'local' ? [source.deploymentId] : []))).toEqual(
    Array.from({ length: 50 }, (_, i) => `${i + 10}`),
  );
  store.close();
});
