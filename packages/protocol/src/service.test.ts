import { expect, test } from 'vitest';
import { greengrassv2 } from './greengrassv2.ts';
import { iot } from './iot.ts';
import { iotData } from './iot-data.ts';
import { iotJobsData } from './iot-jobs-data.ts';
import { defineService } from './service.ts';
import { sts } from './sts.ts';

test('every service knows all operations of its SDK, and serves some of them', () => {
  const count = (service: { allOperations: ReadonlyMap<string, unknown> }) => service.allOperations.size;
  expect(count(greengrassv2)).toBe(29);
  expect(count(iot)).toBeGreaterThan(200);
  expect(count(iotData)).toBeGreaterThan(10);
  expect(count(iotJobsData)).toBe(5);
  for (const service of [greengrassv2, iot, iotData, iotJobsData, sts]) {
    for (const [name, operation] of Object.entries(service.operations)) {
      expect(service.allOperations.get(name)).toEqual([operation.method, operation.uri]);
    }
  }
  expect(greengrassv2.allOperations.get('CreateDeployment')).toEqual(['POST', '/greengrass/v2/deployments']);
});

test('errors carry the status and the members the API declares', () => {
  expect(greengrassv2.errors.get('ServiceQuotaExceededException')?.status).toBe(402);
  expect(greengrassv2.errors.get('ThrottlingException')?.status).toBe(429);
  expect(iot.errors.get('ThrottlingException')?.status).toBe(400);
  expect(iot.errors.get('CertificateStateException')?.status).toBe(406);
  expect(iotJobsData.errors.get('TerminalStateException')?.status).toBe(410);
  const members = greengrassv2.errors.get('ConflictException')?.members.map((member) => member.name);
  expect(members).toEqual(['resourceId', 'resourceType']);
});

test('a constraint on a member that does not exist is a mistake, found at once', () => {
  const table = { service: 's', operations: {}, enums: {}, structures: {}, errors: {}, allOperations: {} };
  expect(() => defineService(table, { 'A.b': { min: 1 } })).toThrow('A.b');
});
