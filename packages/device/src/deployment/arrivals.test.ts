import { describe, expect, test } from 'vitest';
import { type DeploymentRecord, type DeploymentSource, deploymentKey, type Stage } from '../store/records.ts';
import type { Arrival } from '../uplink/uplink.ts';
import { type LocalArrival, nextDeployment, onArrival } from './arrivals.ts';

const job = (jobId: string, queuedAt = 1): DeploymentSource => ({ kind: 'job', jobId, queuedAt });
const shadow = (configurationArn: string): DeploymentSource => ({ kind: 'shadow', configurationArn });
const record = (source: DeploymentSource, stage: Stage): DeploymentRecord => ({
  key: deploymentKey(source),
  source,
  document: {},
  stage,
});
const jobArrives = (jobId: string, queuedAt = 1): Arrival => ({
  kind: 'job',
  jobId,
  queuedAt,
  status: 'QUEUED',
  document: { of: jobId },
});
const shadowArrives = (configurationArn: string, cancel = false): Arrival => ({
  kind: 'shadow',
  configurationArn,
  document: { of: configurationArn },
  cancel,
});

/** What an arrival does to these records: `+` joins, `-` is cancelled, `?` is to be told again. */
function effect(arrival: Arrival | LocalArrival, ...records: readonly DeploymentRecord[]): string[] {
  const open = records.filter(({ stage }) => stage !== 'ENDED');
  const change = onArrival(arrival, open, (key) => records.find((one) => one.key === key));
  return [
    ...(change.enqueue ? [`+${change.enqueue.key}`] : []),
    ...change.cancel.map(({ key }) => `-${key}`),
    ...(change.tellAgain ? [`?${change.tellAgain.key}`] : []),
  ];
}

describe('a job', () => {
  test('case 60, case 64: joins the queue once, and as another deployment when it was queued again', () => {
    expect(effect(jobArrives('a'))).toEqual(['+job/a/1']);
    expect(effect(jobArrives('a'), record(job('a'), 'QUEUED'))).toEqual([]);
    expect(effect(jobArrives('a', 2), record(job('a'), 'APPLYING'))).toEqual(['+job/a/2', '-job/a/1']);
  });

  test('case 65: cancels another job wherever it is, but where it goes back already, and no shadow deployment', () => {
    const others = [
      record(job('q'), 'QUEUED'),
      record(job('p'), 'PREPARING'),
      record(job('x'), 'APPLYING'),
      record(job('r'), 'ROLLING_BACK'),
      record(shadow('s'), 'QUEUED'),
    ];
    expect(effect(jobArrives('a'), ...others)).toEqual(['+job/a/1', '-job/q/1', '-job/p/1', '-job/x/1']);
    expect(effect(jobArrives('a'), { ...record(job('x'), 'APPLYING'), cancelled: true })).toEqual(['+job/a/1']);
    expect(effect(jobArrives('a'), record(job('x'), 'BOOTSTRAPPING'))).toEqual(['+job/a/1', '-job/x/1']);
    expect(effect(jobArrives('a'), record(job('x'), 'ROLLBACK_BOOTSTRAPPING'))).toEqual(['+job/a/1']);
  });

  test('that is repeated cancels nothing, and one that has ended is to be told again', () => {
    const other = record(job('b'), 'PREPARING');
    expect(effect(jobArrives('a'), record(job('a'), 'APPLYING'), other)).toEqual([]);
    expect(effect(jobArrives('a'), record(job('a'), 'ENDED'), other)).toEqual(['?job/a/1']);
  });

  test('case 65: that is no more is cancelled, a shadow deployment never by that', () => {
    const open = [record(job('a'), 'PREPARING'), record(job('b'), 'ROLLING_BACK'), record(shadow('s'), 'PREPARING')];
    expect(effect({ kind: 'no-job' }, ...open)).toEqual(['-job/a/1']);
  });
});

describe('a shadow deployment', () => {
  test('case 61, case 62: takes the place of the one before it, whatever jobs there are', () => {
    const open = [record(shadow('a'), 'PREPARING'), record(job('j'), 'QUEUED')];
    expect(effect(shadowArrives('b'), ...open)).toEqual(['+shadow/b', '-shadow/a']);
    expect(effect(shadowArrives('b'), record(shadow('a'), 'APPLYING'))).toEqual(['+shadow/b', '-shadow/a']);
  });

  test('case 63: that is told again while it is under way, after a restart too, is not cancelled by that', () => {
    for (const stage of ['PREPARING', 'BOOTSTRAPPING', 'APPLYING', 'ROLLING_BACK'] as const) {
      expect(effect(shadowArrives('a'), record(shadow('a'), stage))).toEqual([]);
    }
  });

  test('is cancelled by its own ARN only, until it has ended', () => {
    expect(effect(shadowArrives('a', true), record(shadow('a'), 'PREPARING'))).toEqual(['-shadow/a']);
    expect(effect(shadowArrives('b', true), record(shadow('a'), 'PREPARING'))).toEqual([]);
    expect(effect(shadowArrives('a', true), record(shadow('a'), 'APPLYING'))).toEqual(['-shadow/a']);
    expect(effect(shadowArrives('a', true), record(shadow('a'), 'ENDED'))).toEqual([]);
  });
});

test('what was begun goes before what waits, and what waits in its order', () => {
  const [first, second] = [record(job('a'), 'QUEUED'), record(job('b'), 'QUEUED')];
  expect(nextDeployment([])).toBeUndefined();
  expect(nextDeployment([first, second])).toBe(first);
  const begun = record(shadow('s'), 'ROLLING_BACK');
  expect(nextDeployment([first, begun])).toBe(begun);
});

describe('a local deployment', () => {
  const local = (deploymentId: string): DeploymentSource => ({ kind: 'local', deploymentId, createdOn: 1 });
  const waiting = [record(local('q'), 'QUEUED'), record(local('p'), 'PREPARING'), record(local('a'), 'APPLYING')];

  test('joins the queue behind what is there, and cancels nothing', () => {
    const arrival: LocalArrival = { kind: 'local', deploymentId: 'n', createdOn: 2, request: {} };
    expect(effect(arrival, record(job('j'), 'PREPARING'), record(shadow('s'), 'QUEUED'), ...waiting)).toEqual([
      '+local/n',
    ]);
  });

  test('case 65: is cancelled by nothing that the cloud says', () => {
    expect(effect({ kind: 'no-job' }, ...waiting)).toEqual([]);
    expect(effect(jobArrives('j'), ...waiting)).toEqual(['+job/j/1']);
    expect(effect(shadowArrives('s'), ...waiting)).toEqual(['+shadow/s']);
    expect(effect(shadowArrives('q', true), ...waiting)).toEqual([]);
  });

  test('is cancelled by the person who made it, until it goes back or has ended', () => {
    const cancel = (deploymentId: string) => effect({ kind: 'cancel-local', deploymentId }, ...waiting);
    expect([cancel('q'), cancel('p'), cancel('a'), cancel('other')]).toEqual([
      ['-local/q'],
      ['-local/p'],
      ['-local/a'],
      [],
    ]);
  });
});
