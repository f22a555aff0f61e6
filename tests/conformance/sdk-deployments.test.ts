import {
  CancelDeploymentCommand,
  CreateDeploymentCommand,
  type CreateDeploymentCommandInput,
  DeleteDeploymentCommand,
  GetDeploymentCommand,
  ListDeploymentsCommand,
  type ListDeploymentsCommandInput,
  ListTagsForResourceCommand,
  paginateListDeployments,
} from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  CancelJobCommand,
  DeleteThingGroupCommand,
  DescribeJobCommand,
  DescribeJobExecutionCommand,
  GetJobDocumentCommand,
  ListJobExecutionsForJobCommand,
  ListJobExecutionsForThingCommand,
  ListJobsCommand,
  RemoveThingFromThingGroupCommand,
} from '@aws-sdk/client-iot';
import {
  DescribeJobExecutionCommand as DescribePendingCommand,
  GetPendingJobExecutionsCommand,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
});

afterAll(() => under.stop());

const create = async (input: CreateDeploymentCommandInput) => {
  const answer = await under.greengrass.send(new CreateDeploymentCommand(input));
  return { ...answer, deploymentId: answer.deploymentId ?? '', iotJobId: answer.iotJobId ?? '' };
};
const get = (deploymentId: string) => under.greengrass.send(new GetDeploymentCommand({ deploymentId }));
const cancel = (deploymentId: string) => under.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
const remove = (deploymentId: string) => under.greengrass.send(new DeleteDeploymentCommand({ deploymentId }));
const list = async (input: ListDeploymentsCommandInput) =>
  (await under.greengrass.send(new ListDeploymentsCommand(input))).deployments ?? [];

describe('every field of a deployment comes back as it was sent', () => {
  // Spacing, escapes, key order, duplicate-looking keys, numbers no double holds: all text to us.
  const merge =
    '{ "z":1,\n\t"a" : [ 1.0, 1e3, 123456789012345678901234567890, -0.0 ], "Ü\\u00fc\\/" :"\\ud83d\\ude00 😀", "__proto__":{"x":null} }  ';
  const sent = {
    deploymentName: 'every field: grüße',
    components: {
      'com.example.Full': {
        componentVersion: '1.2.3-rc.1+build.5',
        configurationUpdate: { merge, reset: ['', '/a', '/list/0', '/with~1slash'] },
        runWith: {
          posixUser: 'ggc_user:ggc_group',
          windowsUser: 'ggc_user',
          systemResourceLimits: { memory: 102_400, cpus: 1.5 },
        },
      },
      'com.example.Bare': { componentVersion: '2.0.0' },
      'com.example.Limits': { componentVersion: '1.0.0', runWith: { systemResourceLimits: { cpus: 0 } } },
    },
    iotJobConfiguration: {
      jobExecutionsRolloutConfig: {
        exponentialRate: {
          baseRatePerMinute: 50,
          incrementFactor: 1.5,
          rateIncreaseCriteria: { numberOfSucceededThings: 10 },
        },
        maximumPerMinute: 1000,
      },
      abortConfig: {
        criteriaList: [
          { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 10.99, minNumberOfExecutedThings: 4 },
          { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 100, minNumberOfExecutedThings: 1 },
        ],
      },
      timeoutConfig: { inProgressTimeoutInMinutes: 10_080 },
    },
    deploymentPolicies: {
      failureHandlingPolicy: 'DO_NOTHING',
      componentUpdatePolicy: { timeoutInSeconds: 240, action: 'SKIP_NOTIFY_COMPONENTS' },
      configurationValidationPolicy: { timeoutInSeconds: 7 },
    },
    tags: { team: 'blue', empty: '' },
  } satisfies Omit<CreateDeploymentCommandInput, 'targetArn'>;

  test('for a thing group, with its parent', async () => {
    const parentTargetArn = await under.group('every-parent');
    const targetArn = await under.group('every-field', 'every-parent');
    const made = await create({ ...sent, targetArn, parentTargetArn, clientToken: 'every-field-1' });
    expect(made.$metadata.httpStatusCode).toBe(201);
    expect(made.iotJobArn).toBe(`arn:aws:iot:us-east-1:000000000000:job/${made.iotJobId}`);
    expect(made.iotJobId).not.toBe(made.deploymentId);
    const { $metadata, creationTimestamp, ...read } = await get(made.deploymentId);
    expect($metadata.httpStatusCode).toBe(200);
    expect(creationTimestamp).toBeInstanceOf(Date);
    expect(read).toEqual({
      ...sent,
      targetArn,
      parentTargetArn,
      deploymentId: made.deploymentId,
      iotJobId: made.iotJobId,
      iotJobArn: made.iotJobArn,
      revisionId: '1',
      deploymentStatus: 'ACTIVE',
      isLatestForTarget: true,
    });
    expect(read.components?.['com.example.Full']?.configurationUpdate?.merge).toBe(merge);
    const resourceArn = `arn:aws:greengrass:us-east-1:000000000000:deployments:${made.deploymentId}`;
    const { tags } = await under.greengrass.send(new ListTagsForResourceCommand({ resourceArn }));
    expect(tags).toEqual(sent.tags);
  });

  test('for a thing, which has no job', async () => {
    const targetArn = await under.thing('every-thing');
    const made = await create({ ...sent, targetArn });
    expect(made.iotJobId).toBe('');
    const { $metadata: _, creationTimestamp: __, ...read } = await get(made.deploymentId);
    expect(read).toEqual({
      ...sent,
      targetArn,
      deploymentId: made.deploymentId,
      revisionId: '1',
      deploymentStatus: 'ACTIVE',
      isLatestForTarget: true,
    });
  });

  test('with the documented policies for what was left out, and no job configuration where none was sent', async () => {
    const targetArn = await under.group('defaults');
    const { deploymentId } = await create({ targetArn });
    const read = await get(deploymentId);
    expect(read.deploymentPolicies).toEqual({
      failureHandlingPolicy: 'ROLLBACK',
      componentUpdatePolicy: { action: 'NOTIFY_COMPONENTS', timeoutInSeconds: 60 },
      configurationValidationPolicy: { timeoutInSeconds: 30 },
    });
    expect(read).not.toHaveProperty('iotJobConfiguration');
    expect(read).not.toHaveProperty('deploymentName');
    const partly = await create({ targetArn, deploymentPolicies: { componentUpdatePolicy: { timeoutInSeconds: 5 } } });
    expect((await get(partly.deploymentId)).deploymentPolicies).toEqual({
      failureHandlingPolicy: 'ROLLBACK',
      componentUpdatePolicy: { action: 'NOTIFY_COMPONENTS', timeoutInSeconds: 5 },
      configurationValidationPolicy: { timeoutInSeconds: 30 },
    });
  });

  test('with its creation time in seconds on the wire', async () => {
    const { deploymentId } = await create({ targetArn: await under.group('seconds') });
    const answer = await under.raw({ method: 'GET', path: `/greengrass/v2/deployments/${deploymentId}` });
    expect(answer.json['creationTimestamp']).toBeTypeOf('number');
    expect(answer.json['creationTimestamp']).toBeLessThan(1e11);
  });

  test('and reaches the devices as the document of the job', async () => {
    const targetArn = await under.group('document');
    const made = await create({ ...sent, targetArn });
    const { document = '' } = await under.iot.send(new GetJobDocumentCommand({ jobId: made.iotJobId }));
    expect(JSON.parse(document)).toMatchObject({
      deploymentId: made.deploymentId,
      configurationArn: 'arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/document:1',
      components: {
        'com.example.Full': {
          version: '1.2.3-rc.1+build.5',
          configurationUpdate: {
            merge: { z: 1 },
            reset: sent.components['com.example.Full'].configurationUpdate.reset,
          },
        },
      },
    });
  });

  test('with 20 KB of configuration', async () => {
    const large = JSON.stringify({ text: 'x'.repeat(20_000) });
    const components = { A: { componentVersion: '1.0.0', configurationUpdate: { merge: large } } };
    for (const targetArn of [await under.group('large'), await under.thing('large-thing')]) {
      const made = await create({ targetArn, components });
      expect((await get(made.deploymentId)).components).toEqual(components);
    }
  });
});

describe('revisions of one target', () => {
  test('count up, the newest alone is the latest and ACTIVE, and the job of the one before is cancelled', async () => {
    const targetArn = await under.group('revisions');
    const [one, two] = [await create({ targetArn }), await create({ targetArn })];
    const [first, second] = [await get(one.deploymentId), await get(two.deploymentId)];
    expect(first).toMatchObject({ revisionId: '1', isLatestForTarget: false });
    expect(['CANCELED', 'INACTIVE']).toContain(first.deploymentStatus);
    expect(second).toMatchObject({ revisionId: '2', isLatestForTarget: true, deploymentStatus: 'ACTIVE' });
    const { job } = await under.iot.send(new DescribeJobCommand({ jobId: one.iotJobId }));
    expect(job?.status).toBe('CANCELED');
    expect((await list({ targetArn })).map((item) => item.deploymentId)).toEqual([two.deploymentId]);
    const all = await list({ targetArn, historyFilter: 'ALL' });
    expect(all.map((item) => item.deploymentId)).toEqual([two.deploymentId, one.deploymentId]);
    expect(all[0]).toMatchObject({ targetArn, revisionId: '2', deploymentStatus: 'ACTIVE', isLatestForTarget: true });
    expect(all[0]?.creationTimestamp).toBeInstanceOf(Date);
    expect(all[0]).not.toHaveProperty('components');
  });

  test('are new ones also when nothing changed', async () => {
    const targetArn = await under.group('identical');
    const input = { targetArn, components: { A: { componentVersion: '1.0.0' } } };
    const [one, two] = [await create(input), await create(input)];
    expect(two.deploymentId).not.toBe(one.deploymentId);
    expect(two.iotJobId).not.toBe(one.iotJobId);
    const { document = '' } = await under.iot.send(new GetJobDocumentCommand({ jobId: two.iotJobId }));
    expect(JSON.parse(document).configurationArn).toMatch(/:configuration:thinggroup\/identical:2$/);
  });

  test('go on after the latest was deleted, and the one before shows as the newest left', async () => {
    const targetArn = await under.group('deleted');
    const [one, two] = [await create({ targetArn }), await create({ targetArn })];
    expect(await refusalOf(remove(two.deploymentId))).toMatchObject({ name: 'ValidationException', status: 400 });
    await cancel(two.deploymentId);
    expect((await remove(two.deploymentId)).$metadata.httpStatusCode).toBe(204);
    expect(await refusalOf(remove(two.deploymentId))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    const job = under.iot.send(new DescribeJobCommand({ jobId: two.iotJobId }));
    expect(await refusalOf(job)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect((await list({ targetArn })).map((item) => item.deploymentId)).toEqual([one.deploymentId]);
    const three = await create({ targetArn });
    expect(Number((await get(three.deploymentId)).revisionId)).toBe(3);
  });

  test('of many calls at once have each its own number, and one is the latest', async () => {
    const targetArn = await under.group('at-once');
    const made = await Promise.all(Array.from({ length: 8 }, () => create({ targetArn })));
    const all = await list({ targetArn, historyFilter: 'ALL' });
    expect(all.map((item) => Number(item.revisionId))).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(all.filter((item) => item.isLatestForTarget)).toHaveLength(1);
    expect(new Set(made.map((item) => item.deploymentId)).size).toBe(8);
  });

  test('are listed page by page, newest first', async () => {
    const targetArn = await under.group('pages');
    for (let count = 0; count < 5; count++) await create({ targetArn });
    const sizes: number[] = [];
    const revisions: (string | undefined)[] = [];
    const pages = paginateListDeployments(
      { client: under.greengrass, pageSize: 2 },
      { targetArn, historyFilter: 'ALL' },
    );
    for await (const page of pages) {
      sizes.push(page.deployments?.length ?? 0);
      revisions.push(...(page.deployments ?? []).map((item) => item.revisionId));
    }
    expect(sizes).toEqual([2, 2, 1]);
    expect(revisions).toEqual(['5', '4', '3', '2', '1']);
  });
});

describe('a deployment is cancelled', () => {
  test('once: again it is refused', async () => {
    const { deploymentId, iotJobId } = await create({ targetArn: await under.group('cancel') });
    const answer = await cancel(deploymentId);
    expect(answer.message).toBeTruthy();
    expect(await get(deploymentId)).toMatchObject({ deploymentStatus: 'CANCELED', isLatestForTarget: true });
    expect((await under.iot.send(new DescribeJobCommand({ jobId: iotJobId }))).job?.status).toBe('CANCELED');
    expect(await refusalOf(cancel(deploymentId))).toMatchObject({ name: 'ValidationException', status: 400 });
  });

  test('also without a body, and with an empty object', async () => {
    for (const [name, body] of [
      ['cancel-bare', undefined],
      ['cancel-object', '{}'],
    ] as const) {
      const { deploymentId } = await create({ targetArn: await under.group(name) });
      const path = `/greengrass/v2/deployments/${deploymentId}/cancel`;
      const answer = await under.raw({ method: 'POST', path, ...(body === undefined ? {} : { body }) });
      expect(answer.status).toBe(200);
      expect(answer.json['message']).toBeTypeOf('string');
    }
  });

  test('not when it was superseded', async () => {
    const targetArn = await under.group('cancel-old');
    const { deploymentId } = await create({ targetArn });
    await create({ targetArn });
    expect(await refusalOf(cancel(deploymentId))).toMatchObject({ name: 'ValidationException', status: 400 });
  });

  test('by cancelling its job', async () => {
    const { deploymentId, iotJobId } = await create({ targetArn: await under.group('cancel-job') });
    await under.iot.send(new CancelJobCommand({ jobId: iotJobId, reasonCode: 'NO_MORE', comment: 'stop it' }));
    expect((await get(deploymentId)).deploymentStatus).toBe('CANCELED');
    const { job } = await under.iot.send(new DescribeJobCommand({ jobId: iotJobId }));
    expect(job).toMatchObject({ status: 'CANCELED', reasonCode: 'NO_MORE', comment: 'stop it' });
  });
});

describe('subdeployments', () => {
  test('keep their parent, are listed under it, and end with its next revision', async () => {
    const parentTargetArn = await under.group('parent');
    const other = await under.group('other-parent');
    const targetArn = await under.group('child', 'parent');
    await create({ targetArn: parentTargetArn });
    const child = await create({ targetArn, parentTargetArn });
    expect(await list({ parentTargetArn })).toMatchObject([{ deploymentId: child.deploymentId, parentTargetArn }]);
    const elsewhere = await refusalOf(create({ targetArn, parentTargetArn: other }));
    expect([400, 409]).toContain(elsewhere.status);
    await create({ targetArn: parentTargetArn });
    expect((await get(child.deploymentId)).deploymentStatus).not.toBe('ACTIVE');
    const active = (await list({ parentTargetArn, historyFilter: 'ALL' })).filter(
      (item) => item.deploymentStatus === 'ACTIVE',
    );
    expect(active).toEqual([]);
  });

  test('are for thing groups only', async () => {
    const call = create({
      targetArn: await under.thing('sub-thing'),
      parentTargetArn: await under.group('sub-parent'),
    });
    expect(await refusalOf(call)).toMatchObject({ name: 'ValidationException', status: 400 });
  });
});

describe('a client token', () => {
  test('makes two calls one deployment', async () => {
    const input = { targetArn: await under.group('token'), clientToken: 'once-only' };
    const [one, two] = [await create(input), await create(input)];
    expect(two).toMatchObject({ deploymentId: one.deploymentId, iotJobId: one.iotJobId, iotJobArn: one.iotJobArn });
    expect(await list({ targetArn: input.targetArn, historyFilter: 'ALL' })).toHaveLength(1);
    const next = await create({ targetArn: input.targetArn });
    expect((await get(next.deploymentId)).revisionId).toBe('2');
  });

  test('of another request is refused', async () => {
    const [one, two] = [await under.group('token-one'), await under.group('token-two')];
    await create({ targetArn: one, clientToken: 'shared-token' });
    const refusal = await refusalOf(create({ targetArn: two, clientToken: 'shared-token' }));
    expect(refusal).toMatchObject({ name: 'ConflictException', status: 409 });
    expect(await list({ targetArn: two })).toEqual([]);
  });

  test('used by two calls at once makes one deployment', async () => {
    const input = { targetArn: await under.group('token-at-once'), clientToken: 'at-once' };
    const results = await Promise.allSettled([create(input), create(input)]);
    for (const result of results) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ name: 'RequestAlreadyInProgressException' });
    }
    expect(results.some((result) => result.status === 'fulfilled')).toBe(true);
    expect(await list({ targetArn: input.targetArn, historyFilter: 'ALL' })).toHaveLength(1);
  });

  test('is not used up by a refused call', async () => {
    const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/comes-later';
    const input = { targetArn, clientToken: 'try-again' };
    expect((await refusalOf(create(input))).name).toBe('ResourceNotFoundException');
    await under.group('comes-later');
    expect((await create(input)).deploymentId).not.toBe('');
  });
});

describe('deployments that are not there', () => {
  test('are refused by id, well-formed or not', async () => {
    for (const id of ['0b0b8a4e-5d3c-4b43-9f5e-7f4f1f1b1a11', 'x', 'a b/../c']) {
      const refusal = await refusalOf(get(id));
      expect(refusal).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
      expect(refusal.error).toMatchObject({ resourceId: id, resourceType: 'deployment' });
    }
    expect((await refusalOf(cancel('x'))).status).toBe(404);
  });

  test('are none of a target that does not exist', async () => {
    expect(await list({ targetArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/nobody' })).toEqual([]);
  });

  test('have no page beyond the last, and no page of a wrong token', async () => {
    for (const query of [
      'maxResults=0',
      'maxResults=101',
      'maxResults=abc',
      'nextToken=garbage',
      'historyFilter=SOME',
    ]) {
      const answer = await under.raw({ method: 'GET', path: '/greengrass/v2/deployments', query });
      expect(answer, query).toMatchObject({ status: 400, errorType: 'ValidationException' });
    }
  });
});

test('a deployment outlives its thing group', async () => {
  const targetArn = await under.group('short-lived');
  const { deploymentId } = await create({ targetArn });
  await under.iot.send(new DeleteThingGroupCommand({ thingGroupName: 'short-lived' }));
  expect((await get(deploymentId)).targetArn).toBe(targetArn);
});

describe('the job of a deployment', () => {
  const status = async (jobId: string, thingName: string) => {
    const { executionSummaries = [] } = await under.iot.send(new ListJobExecutionsForJobCommand({ jobId }));
    return executionSummaries.find(({ thingArn }) => thingArn?.endsWith(`/${thingName}`))?.jobExecutionSummary?.status;
  };

  test('has an execution for every thing of the group, which both views show', async () => {
    const targetArn = await under.group('views');
    await under.thing('viewed');
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'views', thingName: 'viewed' }));
    const { iotJobId: jobId } = await create({ targetArn, deploymentName: 'views' });
    await until('the thing is QUEUED', async () => (await status(jobId, 'viewed')) === 'QUEUED');

    const { job } = await under.iot.send(new DescribeJobCommand({ jobId }));
    expect(job).toMatchObject({
      jobId,
      status: 'IN_PROGRESS',
      targetSelection: 'CONTINUOUS',
      targets: [targetArn],
      namespaceId: 'aws-gg-deployment',
      jobProcessDetails: { numberOfQueuedThings: 1, numberOfSucceededThings: 0 },
    });
    const { execution } = await under.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: 'viewed' }));
    expect(execution).toMatchObject({ jobId, status: 'QUEUED', executionNumber: 1, versionNumber: 1 });
    expect(execution?.queuedAt).toBeInstanceOf(Date);
    const ofThing = await under.iot.send(new ListJobExecutionsForThingCommand({ thingName: 'viewed' }));
    expect(ofThing.executionSummaries).toMatchObject([{ jobId, jobExecutionSummary: { status: 'QUEUED' } }]);
    const { jobs } = await under.iot.send(new ListJobsCommand({ namespaceId: 'aws-gg-deployment', maxResults: 250 }));
    expect(jobs?.map((item) => item.jobId)).toContain(jobId);

    // The same path, signed for the jobs data plane, is another operation.
    const pending = await under.jobsData.send(
      new DescribePendingCommand({ jobId, thingName: 'viewed', includeJobDocument: true }),
    );
    expect(pending.execution).toMatchObject({ jobId, thingName: 'viewed', status: 'QUEUED' });
    expect(Number.isInteger(pending.execution?.queuedAt)).toBe(true);
    expect(JSON.parse(pending.execution?.jobDocument ?? '').deploymentName).toBe('views');
    const all = await under.jobsData.send(new GetPendingJobExecutionsCommand({ thingName: 'viewed' }));
    expect(all).toMatchObject({ inProgressJobs: [], queuedJobs: [{ jobId, executionNumber: 1, versionNumber: 1 }] });
    const next = await under.jobsData.send(new DescribePendingCommand({ jobId: '$next', thingName: 'viewed' }));
    expect(next.execution?.jobId).toBe(jobId);
  });

  test('queues who joins, removes who leaves, and starts anew for who comes back', async () => {
    const targetArn = await under.group('joining');
    await under.thing('joiner');
    const { iotJobId: jobId } = await create({ targetArn });
    const member = { thingGroupName: 'joining', thingName: 'joiner' };
    await under.iot.send(new AddThingToThingGroupCommand(member));
    await until('the joiner is QUEUED', async () => (await status(jobId, 'joiner')) === 'QUEUED');
    await under.iot.send(new RemoveThingFromThingGroupCommand(member));
    await until('the joiner is REMOVED', async () => {
      const now = await status(jobId, 'joiner');
      return now === 'REMOVED' || now === undefined;
    });
    await under.iot.send(new AddThingToThingGroupCommand(member));
    const again = await until('the joiner is QUEUED again', async () => {
      const { execution } = await under.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: 'joiner' }));
      return execution?.status === 'QUEUED' && execution;
    });
    expect(again.executionNumber).toBe(2);
  });

  test('gives nothing to who joins after it was cancelled', async () => {
    const targetArn = await under.group('too-late');
    await under.thing('late');
    const { deploymentId, iotJobId: jobId } = await create({ targetArn });
    await cancel(deploymentId);
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'too-late', thingName: 'late' }));
    expect(await status(jobId, 'late')).toBeUndefined();
  });

  test('cancels who is queued when it is superseded', async () => {
    const targetArn = await under.group('queued');
    await under.thing('waiting');
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'queued', thingName: 'waiting' }));
    const one = await create({ targetArn });
    await until('the thing is QUEUED', async () => (await status(one.iotJobId, 'waiting')) === 'QUEUED');
    const two = await create({ targetArn });
    expect(await status(one.iotJobId, 'waiting')).toBe('CANCELED');
    await until('the thing is QUEUED for the next', async () => (await status(two.iotJobId, 'waiting')) === 'QUEUED');
  });
});
