import { Fault } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFleetStatusChunks, type FleetStatus, fleetStatusPayloads, parseFleetStatus } from './fleet-status.ts';

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const component = {
  componentName: 'com.example.Hello',
  version: '1.2.0',
  fleetConfigArns: ['arn:4'],
  statusCodes: ['RUN_ERROR'],
  statusReason: 'The run script exited with code 1.',
  isRoot: true,
  status: 'BROKEN' as const,
};

const status: FleetStatus = {
  ggcVersion: '2.18.0',
  platform: 'linux',
  architecture: 'amd64',
  runtime: 'aws_nucleus_classic',
  thing: 'core-01',
  overallDeviceStatus: 'UNHEALTHY',
  sequenceNumber: 9,
  timestamp: 1_767_225_760_000,
  messageType: 'PARTIAL',
  trigger: 'THING_GROUP_DEPLOYMENT',
  chunk: undefined,
  components: [component],
  deployment: {
    status: 'FAILED',
    outcome: {
      detailedStatus: 'FAILED_ROLLBACK_COMPLETE',
      failureCause: 'broke',
      errorStack: ['DEPLOYMENT_FAILURE'],
      errorTypes: ['USER_COMPONENT_ERROR'],
    },
    configurationArn: 'arn:5',
    deploymentId: 'd',
    unchangedRootComponents: ['com.example.Stable'],
  },
};

describe('reading', () => {
  test('what our device writes is read back whole', () => {
    const [payload] = fleetStatusPayloads(status);
    expect(parseFleetStatus(payload ?? new Uint8Array())).toEqual(status);
  });

  test('a launch message of the Java nucleus', () => {
    const read = parseFleetStatus(
      bytes({
        ggcVersion: '2.18.0',
        platform: 'linux',
        architecture: 'amd64',
        thing: 'core-01',
        sequenceNumber: 0,
        timestamp: 1_767_225_600_123,
        messageType: 'COMPLETE',
        trigger: 'NUCLEUS_LAUNCH',
        overallDeviceStatus: 'HEALTHY',
        components: [
          {
            componentName: 'A',
            version: null,
            fleetConfigArns: [],
            componentStatusDetails: null,
            isRoot: false,
            status: 'FINISHED',
          },
          { componentName: 'B', status: 'NO_SUCH_STATE' },
          { status: 'RUNNING' },
          7,
        ],
        later: { member: true },
      }),
    );
    expect(read).toMatchObject({ messageType: 'COMPLETE', runtime: undefined, deployment: undefined });
    expect(read.components).toEqual([
      {
        componentName: 'A',
        version: undefined,
        fleetConfigArns: [],
        statusCodes: [],
        statusReason: undefined,
        isRoot: false,
        status: 'FINISHED',
      },
    ]);
  });

  test('lite sends an empty deploymentInformation, which is none', () => {
    const body = { thing: 'T', sequenceNumber: 1, timestamp: 1, deploymentInformation: {}, components: [] };
    expect(parseFleetStatus(bytes(body)).deployment).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['a list', []],
    ['no thing', { sequenceNumber: 1, timestamp: 1 }],
    ['a negative sequence number', { thing: 'T', sequenceNumber: -1, timestamp: 1 }],
    ['a time that is text', { thing: 'T', sequenceNumber: 1, timestamp: 'now' }],
    ['chunk 3 of 2', { thing: 'T', sequenceNumber: 1, timestamp: 1, chunkInfo: { chunkId: 3, totalChunks: 2 } }],
    ['a billion chunks', { thing: 'T', sequenceNumber: 1, timestamp: 1, chunkInfo: { chunkId: 1, totalChunks: 1e9 } }],
    ['a quarter of a megabyte', { thing: 'T', sequenceNumber: 1, timestamp: 1, x: 'x'.repeat(256_000) }],
  ])('%s is refused', (_, body) => {
    expect(() => parseFleetStatus(bytes(body))).toThrow(expect.objectContaining({ code: 'InvalidFleetStatus' }));
  });

  test('any payload is read or refused with a fault', () => {
    const base = { thing: 'T', sequenceNumber: 1, timestamp: 1 };
    const member = fc.constantFrom('components', 'chunkInfo', 'deploymentInformation', 'trigger', '__proto__');
    const payload = fc.oneof(
      fc.uint8Array(),
      fc.dictionary(member, fc.jsonValue()).map((extra) => bytes({ ...base, ...extra })),
      fc
        .array(fc.dictionary(fc.constantFrom('componentName', 'status', 'componentStatusDetails'), fc.jsonValue()))
        .map((components) => bytes({ ...base, components })),
    );
    fc.assert(
      fc.property(payload, (sent) => {
        try {
          parseFleetStatus(sent);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
    );
  });
});

describe('chunks', () => {
  const many = Array.from({ length: 2000 }, (_, index) => ({ ...component, componentName: `component.${index}` }));
  const large: FleetStatus = { ...status, components: many };

  test('case 128: a large status is split below the limit and joined in any order', () => {
    const payloads = fleetStatusPayloads(large);
    expect(payloads.length).toBeGreaterThan(1);
    for (const payload of payloads) expect(payload.length).toBeLessThanOrEqual(128_000);
    const chunks = createFleetStatusChunks();
    const results = payloads
      .map(parseFleetStatus)
      .reverse()
      .map((part) => chunks.add(part));
    expect(results.slice(0, -1)).toEqual(results.slice(0, -1).map(() => undefined));
    expect(results.at(-1)).toEqual(large);
  });

  test('a component too large for any message is left out', () => {
    const giant = { ...component, componentName: 'giant', fleetConfigArns: ['x'.repeat(130_000)] };
    const payloads = fleetStatusPayloads({ ...status, components: [giant, component] });
    expect(payloads).toHaveLength(1);
    expect(parseFleetStatus(payloads[0] ?? new Uint8Array()).components).toEqual([component]);
  });

  test('a message leaves however long its failure cause, and without the components that do not fit', () => {
    const deployment = { status: 'FAILED', outcome: { failureCause: '\u0000'.repeat(500_000) } };
    const giant = { ...component, fleetConfigArns: ['x'.repeat(130_000)] };
    const payloads = fleetStatusPayloads({
      ...status,
      components: [giant],
      deployment: { ...deployment, configurationArn: undefined, deploymentId: 'd', unchangedRootComponents: [] },
    });
    expect(payloads).toHaveLength(1);
    expect(payloads[0]?.length).toBeLessThanOrEqual(128_000);
  });

  test('a message that is not chunked passes at once', () => {
    expect(createFleetStatusChunks().add(status)).toBe(status);
  });

  test('a newer message drops an unfinished one, and a repeated chunk counts once', () => {
    const chunks = createFleetStatusChunks();
    const part = (sequenceNumber: number, id: number) => ({ ...status, sequenceNumber, chunk: { id, total: 2 } });
    expect(chunks.add(part(1, 1))).toBeUndefined();
    expect(chunks.add(part(1, 1))).toBeUndefined();
    expect(chunks.add(part(2, 1))).toBeUndefined();
    expect(chunks.add(part(1, 2))).toBeUndefined();
    expect(chunks.add(part(1, 1))?.components).toHaveLength(2);
  });

  test('the oldest unfinished thing is forgotten when there are too many', () => {
    const chunks = createFleetStatusChunks(2);
    const part = (thing: string, id: number) => ({ ...status, thing, chunk: { id, total: 2 } });
    for (const thing of ['a', 'b', 'c']) chunks.add(part(thing, 1));
    expect(chunks.add(part('a', 2))).toBeUndefined();
    expect(chunks.add(part('c', 2))).toBeDefined();
  });
});
