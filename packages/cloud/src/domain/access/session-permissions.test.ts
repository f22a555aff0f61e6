import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { iot } from '@greensward/protocol/iot';
import { iotData } from '@greensward/protocol/iot-data';
import { iotJobsData } from '@greensward/protocol/iot-jobs-data';
import { describe, expect, test } from 'vitest';
import { roleNameOf } from './role-alias.ts';
import { actionOf, sessionMay } from './session-permissions.ts';

describe('the credentials of an assumed role', () => {
  test.each([
    ['s3', 'GetObject'],
    ['s3', 'HeadObject'],
    ['s3', 'GetBucketLocation'],
    ['sts', 'GetCallerIdentity'],
  ])('allow %s %s', (service, operation) => {
    expect(sessionMay(actionOf(service, operation))).toBe(true);
  });

  test.each([
    'PutObject',
    'DeleteObject',
    'ListObjectsV2',
    'ListBuckets',
    'CreateBucket',
    'HeadBucket',
    'DeleteBucket',
  ])('refuse s3 %s', (operation) => {
    expect(sessionMay(actionOf('s3', operation))).toBe(false);
  });

  test('refuse every operation of the control plane and of devices', () => {
    for (const service of [greengrassv2, iot, iotData, iotJobsData]) {
      for (const operation of service.allOperations.keys()) {
        expect(sessionMay(actionOf(service.name, operation)), operation).toBe(false);
      }
    }
    expect(sessionMay(actionOf('greensward', 'GetDeviceEndpoints'))).toBe(false);
  });
});

test('an action has the prefix that IAM knows its service by', () => {
  expect(actionOf('greengrassv2', 'CreateDeployment')).toBe('greengrass:CreateDeployment');
  expect(actionOf('iot-data', 'Publish')).toBe('iot:Publish');
  expect(actionOf('iot', 'CreateThing')).toBe('iot:CreateThing');
});

test('the name of a role is the end of its ARN, after any path', () => {
  expect(roleNameOf('arn:aws:iam::000000000000:role/Fetch')).toBe('Fetch');
  expect(roleNameOf('arn:aws:iam::000000000000:role/service-role/plant/Fetch')).toBe('Fetch');
  expect(roleNameOf('arn:aws:iam::000000000000:user/Fetch')).toBeUndefined();
  expect(roleNameOf('arn:aws:iam::000000000000:role/')).toBeUndefined();
});
