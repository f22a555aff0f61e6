import {
  CancelDeploymentCommand,
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  DeleteDeploymentCommand,
  DescribeComponentCommand,
  GetComponentCommand,
  GetDeploymentCommand,
  GreengrassV2Client,
  ListComponentsCommand,
  ListComponentVersionsCommand,
  ListDeploymentsCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DescribeCertificateCommand,
  DescribeEndpointCommand,
  DescribeJobCommand,
  DescribeThingCommand,
  DescribeThingGroupCommand,
  GetJobDocumentCommand,
  IoTClient,
  ListAttachedPoliciesCommand,
  ListJobsCommand,
  ListThingGroupsForThingCommand,
  ListThingPrincipalsCommand,
  ListThingsCommand,
  ListThingsInThingGroupCommand,
} from '@aws-sdk/client-iot';
import {
  GetThingShadowCommand,
  IoTDataPlaneClient,
  ListNamedShadowsForThingCommand,
  UpdateThingShadowCommand,
} from '@aws-sdk/client-iot-data-plane';
import { GetPendingJobExecutionsCommand, IoTJobsDataPlaneClient } from '@aws-sdk/client-iot-jobs-data-plane';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunningCloud, runCloud, sdkConfiguration, send, sendSigned } from './testing/running-cloud.ts';

const groupArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/fleet';

const recipe = (name: string, version: string) =>
  Buffer.from(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: version,
      ComponentDescription: 'says hello',
      ComponentPublisher: 'us',
      Manifests: [{ Platform: { os: 'linux' }, Lifecycle: { run: 'echo hello' } }],
    }),
  );

let cloud: RunningCloud;
let greengrass: GreengrassV2Client;
let iot: IoTClient;

beforeAll(async () => {
  cloud = await runCloud();
  greengrass = new GreengrassV2Client(sdkConfiguration(cloud));
  iot = new IoTClient(sdkConfiguration(cloud));
  await iot.send(new CreateThingGroupCommand({ thingGroupName: 'fleet' }));
});

afterAll(async () => {
  await cloud.destroy();
});

describe('the AWS SDK for JavaScript', () => {
  test('publishes a component and reads it in every way', async () => {
    const created = await greengrass.send(
      new CreateComponentVersionCommand({ inlineRecipe: recipe('com.example.Hello', '1.0.0'), tags: { team: 'a' } }),
    );
    expect(created).toMatchObject({ componentName: 'com.example.Hello', componentVersion: '1.0.0' });
    expect(created.creationTimestamp).toBeInstanceOf(Date);
    expect(created.status).toEqual({ componentState: 'REQUESTED', message: 'NONE', errors: {} });
    const arn = created.arn ?? '';
    const described = await greengrass.send(new DescribeComponentCommand({ arn }));
    expect(described).toMatchObject({
      publisher: 'us',
      description: 'says hello',
      status: { componentState: 'DEPLOYABLE' },
    });
    const got = await greengrass.send(new GetComponentCommand({ arn, recipeOutputFormat: 'YAML' }));
    expect(Buffer.from(got.recipe ?? []).toString()).toMatch(/^ComponentName: "?com.example.Hello"?$/m);
    const versions = await greengrass.send(
      new ListComponentVersionsCommand({
        arn: 'arn:aws:greengrass:us-east-1:000000000000:components:com.example.Hello',
      }),
    );
    expect(versions.componentVersions).toMatchObject([{ componentVersion: '1.0.0', arn }]);
    expect(versions.nextToken).toBeUndefined();
    const all = await greengrass.send(new ListComponentsCommand({}));
    expect(all.components).toMatchObject([
      { componentName: 'com.example.Hello', latestVersion: { componentVersion: '1.0.0' } },
    ]);
    await greengrass.send(new TagResourceCommand({ resourceArn: arn, tags: { 'b c': '', x: '1' } }));
    await greengrass.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ['team', 'x'] }));
    const tags = await greengrass.send(new ListTagsForResourceCommand({ resourceArn: arn }));
    expect(tags.tags).toEqual({ 'b c': '' });
  });

  test('gets back every field of a deployment as it was sent', async () => {
    const request = {
      targetArn: groupArn,
      deploymentName: 'every field',
      components: {
        'com.example.Hello': {
          componentVersion: '1.0.0',
          configurationUpdate: { merge: '{ "a" : [1, 2.50], "b":null }', reset: ['', '/x'] },
          runWith: { posixUser: 'u:g', windowsUser: 'w', systemResourceLimits: { memory: 1024, cpus: 0.5 } },
        },
      },
      iotJobConfiguration: {
        jobExecutionsRolloutConfig: {
          maximumPerMinute: 50,
          exponentialRate: {
            baseRatePerMinute: 5,
            incrementFactor: 1.5,
            rateIncreaseCriteria: { numberOfNotifiedThings: 10 },
          },
        },
        abortConfig: {
          criteriaList: [
            {
              failureType: 'FAILED' as const,
              action: 'CANCEL' as const,
              thresholdPercentage: 12.25,
              minNumberOfExecutedThings: 3,
            },
          ],
        },
        timeoutConfig: { inProgressTimeoutInMinutes: 60 },
      },
      deploymentPolicies: { componentUpdatePolicy: { timeoutInSeconds: 7 } },
      tags: { stage: 'test' },
    };
    const created = await greengrass.send(new CreateDeploymentCommand(request));
    const got = await greengrass.send(new GetDeploymentCommand({ deploymentId: created.deploymentId }));
    expect(got).toMatchObject({
      ...request,
      deploymentPolicies: {
        failureHandlingPolicy: 'ROLLBACK',
        componentUpdatePolicy: { timeoutInSeconds: 7, action: 'NOTIFY_COMPONENTS' },
        configurationValidationPolicy: { timeoutInSeconds: 30 },
      },
      revisionId: '1',
      isLatestForTarget: true,
      deploymentStatus: 'ACTIVE',
      iotJobId: created.iotJobId,
      iotJobArn: `arn:aws:iot:us-east-1:000000000000:job/${created.iotJobId}`,
    });
    expect(got.creationTimestamp).toBeInstanceOf(Date);
    const job = await iot.send(new DescribeJobCommand({ jobId: created.iotJobId }));
    expect(job.job).toMatchObject({
      ...request.iotJobConfiguration,
      status: 'IN_PROGRESS',
      targets: [groupArn],
      targetSelection: 'CONTINUOUS',
      namespaceId: 'aws-gg-deployment',
    });
    const document = await iot.send(new GetJobDocumentCommand({ jobId: created.iotJobId }));
    expect(JSON.parse(document.document ?? '')).toMatchObject({ deploymentName: 'every field' });
  });

  test('sees in a job whether things are still to get an execution', async () => {
    const thingGroupName = 'slow';
    await iot.send(new CreateThingGroupCommand({ thingGroupName }));
    for (const thingName of ['slow-1', 'slow-2']) {
      await iot.send(new CreateThingCommand({ thingName }));
      await iot.send(new AddThingToThingGroupCommand({ thingGroupName, thingName }));
    }
    const targetArn = groupArn.replace('fleet', thingGroupName);
    const rollout = async (maximumPerMinute: number) => {
      const iotJobConfiguration = { jobExecutionsRolloutConfig: { maximumPerMinute } };
      const created = await greengrass.send(new CreateDeploymentCommand({ targetArn, iotJobConfiguration }));
      const isConcurrent = async () =>
        (await iot.send(new DescribeJobCommand({ jobId: created.iotJobId }))).job?.isConcurrent;
      const listed = async () => (await iot.send(new ListJobsCommand({ thingGroupName }))).jobs?.[0]?.isConcurrent;
      return { isConcurrent, listed };
    };
    const slow = await rollout(1);
    expect([await slow.isConcurrent(), await slow.listed()]).toEqual([true, true]);
    const fast = await rollout(1000);
    await vi.waitUntil(async () => (await fast.isConcurrent()) === false, { timeout: 5000, interval: 20 });
    expect([await slow.isConcurrent(), await fast.listed()]).toEqual([false, false]);
  });

  test('lists, cancels and deletes deployments; only the newest of a target is active', async () => {
    const first = await greengrass.send(new CreateDeploymentCommand({ targetArn: groupArn }));
    const second = await greengrass.send(new CreateDeploymentCommand({ targetArn: groupArn }));
    const bare = await greengrass.send(new GetDeploymentCommand({ deploymentId: second.deploymentId }));
    expect(bare.iotJobConfiguration).toBeUndefined();
    const page = await greengrass.send(
      new ListDeploymentsCommand({ targetArn: groupArn, historyFilter: 'ALL', maxResults: 2 }),
    );
    expect(page.deployments?.map(({ deploymentId }) => deploymentId)).toEqual([
      second.deploymentId,
      first.deploymentId,
    ]);
    expect(page.deployments).toMatchObject([{ deploymentStatus: 'ACTIVE' }, { deploymentStatus: 'INACTIVE' }]);
    const next = await greengrass.send(
      new ListDeploymentsCommand({
        targetArn: groupArn,
        historyFilter: 'ALL',
        maxResults: 2,
        nextToken: page.nextToken,
      }),
    );
    expect(next.deployments).toHaveLength(1);
    expect(next.nextToken).toBeUndefined();
    const cancel = new CancelDeploymentCommand({ deploymentId: second.deploymentId });
    const canceled = await greengrass.send(cancel);
    expect(canceled.message).toBeTruthy();
    await expect(greengrass.send(cancel)).rejects.toMatchObject({ name: 'ValidationException' });
    await greengrass.send(new DeleteDeploymentCommand({ deploymentId: second.deploymentId }));
    await expect(
      greengrass.send(new GetDeploymentCommand({ deploymentId: second.deploymentId })),
    ).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      resourceType: 'deployment',
      $metadata: { httpStatusCode: 404 },
    });
  });

  test('makes a thing with its certificate, policy and groups', async () => {
    const thing = await iot.send(
      new CreateThingCommand({ thingName: 'core:1', attributePayload: { attributes: { line: '3' } } }),
    );
    expect(thing.thingArn).toBe('arn:aws:iot:us-east-1:000000000000:thing/core:1');
    const certificate = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
    const described = await iot.send(new DescribeCertificateCommand({ certificateId: certificate.certificateId }));
    expect(described.certificateDescription).toMatchObject({
      status: 'ACTIVE',
      certificatePem: certificate.certificatePem,
    });
    expect(described.certificateDescription?.validity?.notAfter?.getUTCFullYear()).toBe(2049);
    const principal = certificate.certificateArn;
    await iot.send(new AttachThingPrincipalCommand({ thingName: 'core:1', principal }));
    const policyDocument = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}';
    await iot.send(new CreatePolicyCommand({ policyName: 'p', policyDocument }));
    await iot.send(new AttachPolicyCommand({ policyName: 'p', target: principal }));
    const attached = await iot.send(new ListAttachedPoliciesCommand({ target: principal }));
    expect(attached.policies).toMatchObject([{ policyName: 'p' }]);
    await iot.send(new CreateThingGroupCommand({ thingGroupName: 'child', parentGroupName: 'fleet' }));
    await iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'child', thingArn: thing.thingArn }));
    expect(await iot.send(new DescribeThingCommand({ thingName: 'core:1' }))).toMatchObject({
      attributes: { line: '3' },
      version: 1,
    });
    expect(
      (await iot.send(new DescribeThingGroupCommand({ thingGroupName: 'child' }))).thingGroupMetadata,
    ).toMatchObject({
      parentGroupName: 'fleet',
      rootToParentThingGroups: [{ groupName: 'fleet', groupArn }],
    });
    const listed = await iot.send(new ListThingsInThingGroupCommand({ thingGroupName: 'fleet', recursive: true }));
    expect(listed.things).toEqual(['core:1']);
    expect((await iot.send(new ListThingGroupsForThingCommand({ thingName: 'core:1' }))).thingGroups).toMatchObject([
      { groupName: 'child' },
    ]);
    expect((await iot.send(new ListThingPrincipalsCommand({ thingName: 'core:1' }))).principals).toEqual([principal]);
    const endpoint = await iot.send(new DescribeEndpointCommand({ endpointType: 'iot:Data-ATS' }));
    expect(endpoint.endpointAddress).toBe('localhost');
    await expect(iot.send(new DescribeEndpointCommand({ endpointType: 'iot:Nope' }))).rejects.toMatchObject({
      name: 'InvalidRequestException',
    });
  });

  test('writes and reads shadows, and asks for jobs in the data plane', async () => {
    const data = new IoTDataPlaneClient(sdkConfiguration(cloud));
    await iot.send(new CreateThingCommand({ thingName: 'shadowed' }));
    const payload = Buffer.from('{"state":{"desired":{"a":1}}}');
    await data.send(new UpdateThingShadowCommand({ thingName: 'shadowed', shadowName: 's', payload }));
    const got = await data.send(new GetThingShadowCommand({ thingName: 'shadowed', shadowName: 's' }));
    expect(JSON.parse(Buffer.from(got.payload ?? []).toString())).toMatchObject({
      state: { desired: { a: 1 } },
      version: 1,
    });
    const names = await data.send(new ListNamedShadowsForThingCommand({ thingName: 'shadowed' }));
    expect(names.results).toEqual(['s']);
    await expect(data.send(new GetThingShadowCommand({ thingName: 'shadowed' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    const jobs = new IoTJobsDataPlaneClient(sdkConfiguration(cloud));
    const pending = await jobs.send(new GetPendingJobExecutionsCommand({ thingName: 'shadowed' }));
    expect(pending).toMatchObject({ inProgressJobs: [], queuedJobs: [] });
  });

  test('learns the account from STS', async () => {
    const sts = new STSClient(sdkConfiguration(cloud));
    expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: '000000000000',
      Arn: 'arn:aws:iam::000000000000:root',
    });
  });
});

describe('bad input', () => {
  const list = '/greengrass/v2/deployments';

  test.each([
    ['unsigned', () => send(cloud.ports.apiPort, { path: list }), 'MissingAuthenticationTokenException'],
    [
      'signed with another secret',
      () => sendSigned(cloud, 'greengrass', { path: list }, { secret: 'wrong' }),
      'SignatureDoesNotMatch',
    ],
    [
      'signed with an unknown key',
      () => sendSigned(cloud, 'greengrass', { path: list }, { accessKeyId: 'AKIANOBODY' }),
      'UnrecognizedClientException',
    ],
    [
      'signed too long ago',
      () => sendSigned(cloud, 'greengrass', { path: list }, { ms: -301_000 }),
      'InvalidSignatureException',
    ],
    [
      'signed in the future',
      () => sendSigned(cloud, 'greengrass', { path: list }, { ms: 310_000 }),
      'InvalidSignatureException',
    ],
    [
      'with a scheme that is not SigV4',
      () => send(cloud.ports.apiPort, { path: list, headers: { authorization: 'Bearer x' } }),
      'IncompleteSignatureException',
    ],
  ])('a request %s is refused with 403', async (_what, ask, code) => {
    const answer = await ask();
    expect(answer.status).toBe(403);
    expect(answer.headers['x-amzn-errortype']).toBe(code);
    expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.date).toBeTruthy();
    expect(answer.json()['message']).toBeTruthy();
  });

  test.each([
    ['truncated JSON', 'greengrass', 'POST', list, '{"targetArn":', 'ValidationException', { reason: 'CANNOT_PARSE' }],
    ['JSON that is no object', 'greengrass', 'POST', list, '[]', 'ValidationException', { reason: 'CANNOT_PARSE' }],
    ['no target', 'greengrass', 'POST', list, '{}', 'ValidationException', { fields: [{ name: 'targetArn' }] }],
    ['a page size of 0', 'greengrass', 'GET', `${list}?maxResults=0`, '', 'ValidationException', {}],
    ['a page size of 101', 'greengrass', 'GET', `${list}?maxResults=101`, '', 'ValidationException', {}],
    ['a page size that is no number', 'greengrass', 'GET', `${list}?maxResults=abc`, '', 'ValidationException', {}],
    [
      'a garbage token',
      'greengrass',
      'GET',
      '/greengrass/v2/components?nextToken=garbage',
      '',
      'ValidationException',
      {},
    ],
    [
      'an unknown operation',
      'greengrass',
      'POST',
      '/greengrass/v2/nope',
      '',
      'ValidationException',
      { reason: 'UNKNOWN_OPERATION' },
    ],
    ['an IoT page size of 251', 'iot', 'GET', '/things?maxResults=251', '', 'InvalidRequestException', {}],
    ['an unknown IoT operation', 'iot', 'GET', '/nope', '', 'UnknownOperationException', {}],
    ['an IoT operation not served', 'iot', 'GET', '/billing-groups', '', 'UnknownOperationException', {}],
    ['a service not served', 'logs', 'POST', '/', '{}', 'UnknownOperationException', {}],
  ])('%s is refused with 400 and its error', async (_what, service, method, path, body, code, members) => {
    const answer = await sendSigned(cloud, service, { method, path, body });
    expect(answer.status).toBe(400);
    expect(answer.headers['x-amzn-errortype']).toBe(code);
    expect(answer.json()).toMatchObject(members);
  });

  test('a target that does not exist is 404 with resource id and type, and nothing is stored', async () => {
    const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/nobody';
    const answer = await sendSigned(cloud, 'greengrass', {
      method: 'POST',
      path: list,
      body: JSON.stringify({ targetArn }),
    });
    expect(answer.status).toBe(404);
    expect(answer.headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    expect(answer.json()).toMatchObject({ resourceId: expect.any(String), resourceType: expect.any(String) });
    const stored = await sendSigned(cloud, 'greengrass', {
      path: `${list}?targetArn=${encodeURIComponent(targetArn)}`,
    });
    expect(stored.json()).toEqual({ deployments: [] });
  });

  test('a body above the limit is refused with 413 without being read', async () => {
    const body = Buffer.alloc(2 * 1024 * 1024, 0x20);
    const answer = await sendSigned(cloud, 'iot', { method: 'POST', path: '/things/big', body }).catch(
      (error) => error,
    );
    // The server ends the connection: a client that still writes may see that before the answer.
    if (answer instanceof Error) expect(answer.message).toMatch(/EPIPE|ECONNRESET/);
    else expect(answer.status).toBe(413);
  });

  test('a chunked body above the limit is refused with 413, and the connection ends', async () => {
    const body = Buffer.alloc(1024 * 1024 + 1, 0x20);
    const { status, headers } = await sendSigned(cloud, 'iot', {
      method: 'POST',
      path: '/things/big',
      body,
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect([status, headers.connection]).toEqual([413, 'close']);
  });

  test('no request whatever is an internal error', async () => {
    const services = fc.constantFrom('greengrass', 'iot', 'iotdata', 'iot-jobs-data', 's3', 'sts', 'greensward');
    const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD');
    const known = [
      'greengrass',
      'v2',
      'components',
      'deployments',
      'things',
      'jobs',
      'shadow',
      'thing-groups',
      '$next',
    ];
    const segment = fc.oneof(
      fc.constantFrom(...known),
      fc.string({ maxLength: 12 }).map(encodeURIComponent),
      fc.constant('%zz'),
    );
    const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`);
    const query = fc.constantFrom('', '?maxResults=-1', '?nextToken=%00', '?list-type=2&max-keys=x', '?a&&=%00');
    const body = fc.oneof(fc.constantFrom('', '{}', '[]', 'null', '{"state":[]}', '{"__proto__":1}'), fc.string());
    await fc.assert(
      fc.asyncProperty(services, method, path, query, body, async (service, verb, where, what, text) => {
        const sent = verb === 'GET' || verb === 'HEAD' ? {} : { body: text };
        const answer = await sendSigned(cloud, service, { method: verb, path: where + what, ...sent });
        expect(answer.status === 501 || answer.status < 500).toBe(true);
        expect(answer.headers['x-amzn-requestid']).toBeTruthy();
      }),
      { numRuns: 300 },
    );
  });

  test('what is not HTTP is told so in JSON', async () => {
    const answer = await send(cloud.ports.apiPort, { path: '/%', method: 'GET' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.json()['message']).toBeTruthy();
  });

  test('the log has one line for each refusal, with the reason and no secret', async () => {
    const before = cloud.log.length;
    await sendSigned(cloud, 'greengrass', { path: list }, { secret: 'wrong' });
    const lines = cloud.log.slice(before);
    expect(lines).toMatchObject([
      {
        level: 'info',
        message: 'refused',
        operation: 'ListDeployments',
        status: 403,
        why: expect.stringContaining('signature'),
        id: expect.any(String),
      },
    ]);
    expect(JSON.stringify(cloud.log)).not.toContain(cloud.key.secretAccessKey);
  });
});

describe('one host for every service', () => {
  test('the scope tells two operations of one path apart', async () => {
    await sendSigned(cloud, 'iot', { method: 'POST', path: '/things/T', body: '{}' });
    const control = await sendSigned(cloud, 'iot', { path: '/things/T/jobs' });
    expect(Object.keys(control.json())).toEqual(['executionSummaries']);
    const data = await sendSigned(cloud, 'iot-jobs-data', { path: '/things/T/jobs' });
    expect(Object.keys(data.json()).sort()).toEqual(['inProgressJobs', 'queuedJobs']);
    const old = await sendSigned(cloud, 'execute-api', { path: '/things/T' });
    expect(old.status).toBe(200);
  });

  test('an ARN in a path may be encoded or not', async () => {
    await greengrass.send(new CreateComponentVersionCommand({ inlineRecipe: recipe('com.example.Colons', '1.0.0') }));
    const arn = 'arn:aws:greengrass:us-east-1:000000000000:components:com.example.Colons:versions:1.0.0';
    const encoded = await sendSigned(cloud, 'greengrass', {
      path: `/greengrass/v2/components/${encodeURIComponent(arn)}/metadata`,
    });
    const literal = await sendSigned(cloud, 'greengrass', { path: `/greengrass/v2/components/${arn}/metadata` });
    expect([encoded.status, literal.status]).toEqual([200, 200]);
    expect(literal.json()).toEqual(encoded.json());
  });

  test('a page token brings the next page, and the last page has none', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await iot.send(new CreateThingCommand({ thingName: name }));
    const seen: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await iot.send(new ListThingsCommand({ maxResults: 2, nextToken }));
      seen.push(...(page.things ?? []).map(({ thingName = '' }) => thingName));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen).toEqual(expect.arrayContaining(['page-a', 'page-b', 'page-c']));
  });

  test('our own API: health unsigned, progress and endpoints signed', async () => {
    const health = await send(cloud.ports.apiPort, { path: '/greensward/v1/health' });
    expect(health.json()).toMatchObject({
      status: 'ok',
      version: expect.any(String),
      uptimeSeconds: expect.any(Number),
    });
    const { deploymentId } = await greengrass.send(new CreateDeploymentCommand({ targetArn: groupArn }));
    const progress = await sendSigned(cloud, 'greensward', {
      path: `/greensward/v1/deployments/${deploymentId}/progress`,
    });
    expect(progress.json()).toMatchObject({
      deploymentId,
      status: 'ACTIVE',
      executions: expect.any(Array),
      counts: { QUEUED: expect.any(Number) },
    });
    const unknown = await sendSigned(cloud, 'greensward', { path: '/greensward/v1/deployments/nope/progress' });
    expect(unknown.status).toBe(404);
    const endpoints = await sendSigned(cloud, 'greensward', { path: '/greensward/v1/device-endpoints' });
    expect(endpoints.json()).toMatchObject({
      endpoints: { host: 'localhost', mqttPort: cloud.ports.mqttPort, devicePort: cloud.ports.devicePort },
      rootCaPem: cloud.rootPem,
    });
    expect((await send(cloud.ports.apiPort, { path: '/greensward/v1/device-endpoints' })).status).toBe(403);
  });

  test('a deployment is tried again over our own API, or refused in words', async () => {
    const { deploymentId = '' } = await greengrass.send(new CreateDeploymentCommand({ targetArn: groupArn }));
    const retry = (id: string, body?: object) =>
      sendSigned(cloud, 'greensward', {
        method: 'POST',
        path: `/greensward/v1/deployments/${id}/retry`,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const all = await retry(deploymentId);
    expect([all.status, all.json()]).toEqual([202, { deploymentId, things: 0 }]);
    const named = await retry(deploymentId, { things: ['nobody'] });
    expect([named.status, named.json()['fields']]).toMatchObject([400, [{ name: 'things[0]' }]]);
    expect((await retry(deploymentId, { things: [] })).status).toBe(400);
    expect((await retry('nope')).status).toBe(404);
    await greengrass.send(new CancelDeploymentCommand({ deploymentId }));
    const late = await retry(deploymentId);
    expect([late.status, late.json()]).toMatchObject([409, { resourceId: deploymentId }]);
  });
});
