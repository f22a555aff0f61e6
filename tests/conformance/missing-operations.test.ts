import * as sdk from '@aws-sdk/client-greengrassv2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';
import { missingOperations } from './missing-operations.ts';

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
});

afterAll(() => under.stop());

const operations = Object.keys(sdk)
  .filter((name) => name.endsWith('Command') && name !== '$Command')
  .map((name) => name.slice(0, -'Command'.length));

/** Something for every label of a path, and for whatever else an operation insists on. */
const anyInput = {
  arn: 'arn:aws:greengrass:us-east-1:000000000000:components:com.example.Nobody:versions:1.0.0',
  resourceArn: 'arn:aws:greengrass:us-east-1:000000000000:deployments:nothing',
  artifactName: 'nothing.zip',
  coreDeviceThingName: 'nobody',
  deploymentId: 'nothing',
  thingName: 'nobody',
  tagKeys: ['a'],
  tags: { a: 'b' },
};

/** Sends an operation with `anyInput`; true when the cloud says that it does not serve it. */
async function isRefusedAsUnknown(operation: string): Promise<boolean> {
  const command: unknown = new Map<string, unknown>(Object.entries(sdk)).get(`${operation}Command`);
  if (typeof command !== 'function') throw new Error(`${operation} has no command`);
  const made: Parameters<typeof under.greengrass.send>[0] = Reflect.construct(command, [anyInput]);
  let refusal: Awaited<ReturnType<typeof refusalOf>> | undefined;
  try {
    refusal = await refusalOf(under.greengrass.send(made));
  } catch {
    return false; // It was answered.
  }
  expect(refusal.status, `${operation}: ${refusal.name} ${refusal.message}`).toBeLessThan(500);
  return refusal.error['reason'] === 'UNKNOWN_OPERATION';
}

test('the SDK knows at least the operations this list was made from', () => {
  expect(operations.length).toBeGreaterThanOrEqual(29);
  expect(operations).toEqual(expect.arrayContaining([...missingOperations]));
});

test.each(operations)(
  '%s is served, or is on the list of missing ones and refused as an unknown operation',
  async (operation) => {
    expect(await isRefusedAsUnknown(operation)).toBe(missingOperations.includes(operation));
  },
);

test.each(missingOperations)('%s is refused by its name', async (operation) => {
  const command = new Map<string, unknown>(Object.entries(sdk)).get(`${operation}Command`);
  if (typeof command !== 'function') throw new Error(`${operation} has no command`);
  const refusal = await refusalOf(under.greengrass.send(Reflect.construct(command, [anyInput])));
  expect(refusal).toMatchObject({ name: 'ValidationException', status: 400 });
  expect(refusal.message).toContain(operation);
});
