import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DEPLOYMENT_NAMESPACE,
  fleetStatusTopic,
  jobsGetTopic,
  jobsNotifyTopic,
  jobsStartNextTopic,
  jobTopic,
  NEXT_JOB,
  parseReservedTopic,
  shadowTopic,
  telemetryTopic,
} from './topics.ts';

const NS = DEPLOYMENT_NAMESPACE;

test.each<[string, string, object]>([
  [
    jobTopic('T', NEXT_JOB, 'get', NS),
    '$aws/things/T/jobs/$next/namespace-aws-gg-deployment/get',
    { kind: 'job-get', jobId: '$next', namespace: NS },
  ],
  [
    jobTopic('T', 'J', 'update', NS),
    '$aws/things/T/jobs/J/namespace-aws-gg-deployment/update',
    { kind: 'job-update', jobId: 'J', namespace: NS },
  ],
  [jobTopic('T', 'J', 'update'), '$aws/things/T/jobs/J/update', { kind: 'job-update', jobId: 'J' }],
  [jobTopic('T', 'get', 'get'), '$aws/things/T/jobs/get/get', { kind: 'job-get', jobId: 'get' }],
  [jobsGetTopic('T'), '$aws/things/T/jobs/get', { kind: 'jobs-get' }],
  [jobsStartNextTopic('T'), '$aws/things/T/jobs/start-next', { kind: 'jobs-start-next' }],
  [jobsNotifyTopic('T', 'notify'), '$aws/things/T/jobs/notify', { kind: 'jobs-notify' }],
  [jobsNotifyTopic('T', 'notify-next'), '$aws/things/T/jobs/notify-next', { kind: 'jobs-notify-next' }],
  [
    jobsNotifyTopic('T', 'notify', NS),
    '$aws/things/T/jobs/notify-namespace-aws-gg-deployment',
    { kind: 'jobs-notify', namespace: NS },
  ],
  [
    jobsNotifyTopic('T', 'notify-next', NS),
    '$aws/things/T/jobs/notify-next-namespace-aws-gg-deployment',
    { kind: 'jobs-notify-next', namespace: NS },
  ],
  [shadowTopic('T', undefined, 'get'), '$aws/things/T/shadow/get', { kind: 'shadow-get' }],
  [shadowTopic('T', 's', 'update'), '$aws/things/T/shadow/name/s/update', { kind: 'shadow-update', shadowName: 's' }],
  [shadowTopic('T', 's', 'delete'), '$aws/things/T/shadow/name/s/delete', { kind: 'shadow-delete', shadowName: 's' }],
  [fleetStatusTopic('T'), '$aws/things/T/greengrassv2/health/json', { kind: 'fleet-status' }],
  [telemetryTopic('T'), '$aws/things/T/greengrass/health/json', { kind: 'telemetry' }],
])('%s is built and read', (built, text, parts) => {
  expect(built).toBe(text);
  expect(parseReservedTopic(text)).toEqual({ thing: 'T', ...parts });
});

test('responses are read with their suffix', () => {
  for (const response of ['accepted', 'rejected']) {
    for (const topic of [
      jobTopic('T', 'J', 'get', NS),
      jobTopic('T', 'J', 'update'),
      jobsGetTopic('T'),
      jobsStartNextTopic('T'),
      shadowTopic('T', 's', 'get'),
      shadowTopic('T', undefined, 'delete'),
    ]) {
      expect(parseReservedTopic(`${topic}/${response}`)).toEqual({ ...parseReservedTopic(topic), response });
    }
  }
  for (const response of ['delta', 'documents']) {
    expect(parseReservedTopic(`${shadowTopic('T', 's', 'update')}/${response}`)).toMatchObject({ response });
    expect(parseReservedTopic(`${shadowTopic('T', 's', 'get')}/${response}`)).toBeUndefined();
  }
});

test.each([
  'a/b',
  '$aws/things',
  '$aws/things//jobs/get',
  '$aws/things/T/jobs',
  '$aws/things/T/jobs/J',
  '$aws/things/T/jobs//get',
  '$aws/things/T/jobs/J/get/other',
  '$aws/things/T/jobs/J/get/accepted/more',
  '$aws/things/T/jobs/J/namespace-/get',
  '$aws/things/T/jobs/notify/x',
  '$aws/things/T/shadow',
  '$aws/things/T/shadow/name//get',
  '$aws/things/T/shadow/name/s',
  '$aws/things/T/shadow/other',
  '$aws/things/T/greengrassv2/health',
  '$aws/things/T/tunnels/notify',
])('%s is no topic of ours', (topic) => {
  expect(parseReservedTopic(topic)).toBeUndefined();
});

test('any topic is read or undefined', () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom('$aws', 'things', 'jobs', 'shadow', 'name', 'get', 'accepted', ''),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      parseReservedTopic(parts.join('/'));
      parseReservedTopic(`$aws/things/T/${parts.join('/')}`);
    }),
  );
});
