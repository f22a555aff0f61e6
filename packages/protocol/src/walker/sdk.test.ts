import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  GetComponentVersionArtifactCommand,
  GetDeploymentCommand,
  GreengrassV2Client,
  UntagResourceCommand,
} from '@aws-sdk/client-greengrassv2';
import { AttachThingPrincipalCommand, DescribeJobExecutionCommand, IoTClient } from '@aws-sdk/client-iot';
import { IoTDataPlaneClient, UpdateThingShadowCommand } from '@aws-sdk/client-iot-data-plane';
import {
  IoTJobsDataPlaneClient,
  DescribeJobExecutionCommand as JobsDescribe,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { afterEach, expect, test } from 'vitest';
import { greengrassv2 } from '../greengrassv2.ts';
import { iot } from '../iot.ts';
import { iotData } from '../iot-data.ts';
import { iotJobsData } from '../iot-jobs-data.ts';
import type { Operation } from '../table.ts';
import { buildRequest, parseOutput } from './client.ts';
import { parseInput, type WireRequest } from './parse-input.ts';
import { serializeOutput, type WireResponse } from './serialize.ts';

// The AWS SDK writes the requests we read and reads the answers we write, without a network between.

interface SdkRequest {
  readonly path: string;
  readonly query?: Record<string, string | string[] | null>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

let seen: WireRequest | undefined;
let reply: WireResponse = { status: 200, headers: {}, body: new Uint8Array() };

afterEach(() => {
  seen = undefined;
});

const config = {
  region: 'us-east-1',
  endpoint: 'http://localhost',
  credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
  maxAttempts: 1,
  requestHandler: {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: async (request: SdkRequest) => {
      const query = Object.entries(request.query ?? {}).flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value ?? '']).map(
          (item) => `${encodeURIComponent(name)}=${encodeURIComponent(item)}`,
        ),
      );
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
      );
      const body = typeof request.body === 'string' ? new TextEncoder().encode(request.body) : request.body;
      seen = {
        path: request.path,
        query: query.join('&'),
        headers,
        body: body instanceof Uint8Array ? body : new Uint8Array(),
      };
      const { status, headers: sent, body: answered } = reply;
      return { response: { statusCode: status, headers: { ...sent }, body: answered, reason: '' } };
    },
  },
};

const sdk = new GreengrassV2Client(config);

function received<I, O>(operation: Operation<I, O>): I {
  if (seen === undefined) throw new Error('the SDK sent nothing');
  return parseInput(operation, seen);
}

test('CreateDeployment with every field arrives as the SDK was given it', async () => {
  const input = {
    targetArn: 'arn:aws:iot:us-east-1:123456789012:thinggroup/g',
    deploymentName: 'a name',
    components: {
      'com.example.A': {
        componentVersion: '1.0.0',
        configurationUpdate: { merge: '{"a": 1.0,\n"é":[null]}', reset: ['', '/a/b'] },
        runWith: {
          posixUser: 'u:g',
          windowsUser: 'w',
          systemResourceLimits: { memory: 9007199254740991, cpus: 0.5 },
        },
      },
    },
    iotJobConfiguration: {
      jobExecutionsRolloutConfig: {
        maximumPerMinute: 1000,
        exponentialRate: {
          baseRatePerMinute: 50,
          incrementFactor: 1.1,
          rateIncreaseCriteria: { numberOfNotifiedThings: 10 },
        },
      },
      abortConfig: {
        criteriaList: [
          {
            failureType: 'ALL' as const,
            action: 'CANCEL' as const,
            thresholdPercentage: 12.5,
            minNumberOfExecutedThings: 3,
          },
        ],
      },
      timeoutConfig: { inProgressTimeoutInMinutes: 60 },
    },
    deploymentPolicies: {
      failureHandlingPolicy: 'DO_NOTHING' as const,
      componentUpdatePolicy: { timeoutInSeconds: 1, action: 'SKIP_NOTIFY_COMPONENTS' as const },
      configurationValidationPolicy: { timeoutInSeconds: 2 },
    },
    parentTargetArn: 'arn:aws:iot:us-east-1:123456789012:thinggroup/p',
    tags: { k: '' },
    clientToken: 'token-1',
  };
  const operation = greengrassv2.operations.CreateDeployment;
  reply = serializeOutput(operation, { deploymentId: 'd', iotJobId: undefined });
  const output = await sdk.send(new CreateDeploymentCommand(input));
  expect(received(operation)).toEqual(input);
  expect(output).toMatchObject({ deploymentId: 'd', $metadata: { httpStatusCode: 201 } });
  expect(output.iotJobId).toBeUndefined();
  expect(parseInput(operation, buildRequest(operation, input))).toEqual(input);
});

test('labels, queries, headers and blobs arrive as the SDK was given them', async () => {
  reply = { status: 200, headers: {}, body: new TextEncoder().encode('{}') };
  const arn = 'arn:aws:greengrass:us-east-1:123456789012:components:com.example.A:versions:1.0.0+b';
  const artifact = {
    arn,
    artifactName: 'dir (1)/a b+c.zip',
    s3EndpointType: 'REGIONAL',
    iotEndpointType: 'fips',
  } as const;
  await sdk.send(new GetComponentVersionArtifactCommand(artifact));
  expect(received(greengrassv2.operations.GetComponentVersionArtifact)).toEqual(artifact);
  const untag = { resourceArn: arn, tagKeys: ['a', 'b c', 'é&='] };
  await sdk.send(new UntagResourceCommand(untag));
  expect(received(greengrassv2.operations.UntagResource)).toEqual(untag);
  const recipe = { inlineRecipe: new Uint8Array([0, 1, 254, 255]), clientToken: 't' };
  await sdk.send(new CreateComponentVersionCommand(recipe));
  expect(received(greengrassv2.operations.CreateComponentVersion)).toEqual(recipe);
  const principal = { thingName: 'T', principal: 'arn:aws:iot:us-east-1:123456789012:cert/00' };
  await new IoTClient(config).send(new AttachThingPrincipalCommand(principal));
  expect(received(iot.operations.AttachThingPrincipal)).toEqual(principal);
  const shadow = { thingName: 'T', shadowName: '$s', payload: new TextEncoder().encode('{"state":{}}') };
  await new IoTDataPlaneClient(config).send(new UpdateThingShadowCommand(shadow));
  expect(received(iotData.operations.UpdateThingShadow)).toEqual(shadow);
});

test('times are read by the SDK as dates, in the fraction of a second they were written', async () => {
  const operation = greengrassv2.operations.GetDeployment;
  const output = { deploymentId: 'd', creationTimestamp: 1_621_884_415_241, isLatestForTarget: true };
  reply = serializeOutput(operation, output);
  expect(new TextDecoder().decode(reply.body)).toContain('"creationTimestamp":1621884415.241');
  const read = await sdk.send(new GetDeploymentCommand({ deploymentId: 'd' }));
  expect(read.creationTimestamp?.getTime()).toBe(1_621_884_415_241);
  expect(parseOutput(operation, reply)).toEqual(output);
});

test('the two DescribeJobExecution differ as their services do', async () => {
  const control = iot.operations.DescribeJobExecution;
  reply = serializeOutput(control, { execution: { statusDetails: { detailsMap: { a: 'b' } }, queuedAt: 1500 } });
  const first = await new IoTClient(config).send(new DescribeJobExecutionCommand({ jobId: 'J', thingName: 'T' }));
  expect(first.execution?.statusDetails?.detailsMap).toEqual({ a: 'b' });
  expect(first.execution?.queuedAt?.getTime()).toBe(1500);
  const data = iotJobsData.operations.DescribeJobExecution;
  reply = serializeOutput(data, { execution: { statusDetails: { a: 'b' }, queuedAt: 15 } });
  const second = await new IoTJobsDataPlaneClient(config).send(new JobsDescribe({ jobId: '$next', thingName: 'T' }));
  expect(second.execution).toMatchObject({ statusDetails: { a: 'b' }, queuedAt: 15 });
  expect(received(data)).toEqual({ jobId: '$next', thingName: 'T' });
});
