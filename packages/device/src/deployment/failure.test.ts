import { Fault } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import { brokenFailure, failureOf } from './failure.ts';

describe('an error as a status tells it', () => {
  test.each([
    ['ARTIFACT_CHECKSUM_MISMATCH', ['ARTIFACT_DOWNLOAD_ERROR', 'ARTIFACT_CHECKSUM_MISMATCH']],
    ['DISK_SPACE_CRITICAL', ['ARTIFACT_DOWNLOAD_ERROR', 'DISK_SPACE_CRITICAL']],
    [
      'COMPONENT_VERSION_REQUIREMENTS_NOT_MET',
      ['NO_AVAILABLE_COMPONENT_VERSION', 'COMPONENT_VERSION_REQUIREMENTS_NOT_MET'],
    ],
    ['LOCAL_RECIPE_NOT_FOUND', ['COMPONENT_PACKAGE_LOADING_ERROR', 'LOCAL_RECIPE_NOT_FOUND']],
    ['DEPLOYMENT_DOCUMENT_PARSE_ERROR', ['DEPLOYMENT_DOCUMENT_NOT_VALID', 'DEPLOYMENT_DOCUMENT_PARSE_ERROR']],
    ['NETWORK_ERROR', ['NETWORK_ERROR']],
  ])('%s is named with what it belongs to, outer to inner', (code, stack) => {
    expect(failureOf(new Fault(code, 'text')).errorStack).toEqual(['DEPLOYMENT_FAILURE', ...stack]);
  });

  test('has the texts and the codes of the whole chain of causes, each code once', () => {
    const inner = new Fault('ACCESS_DENIED', 'the door is locked');
    const middle = new Error('somewhere', { cause: inner });
    const outer = new Fault('NO_AVAILABLE_COMPONENT_VERSION', 'No version', { cause: middle });
    expect(failureOf(outer)).toEqual({
      cause: 'No version. somewhere. the door is locked',
      errorStack: ['DEPLOYMENT_FAILURE', 'NO_AVAILABLE_COMPONENT_VERSION', 'ACCESS_DENIED'],
      errorTypes: ['PERMISSION_ERROR'],
    });
  });

  test('without a code of the field is of UNKNOWN_ERROR, and a code of our own is not passed on', () => {
    expect(failureOf(new TypeError('defect'))).toEqual({
      cause: 'defect',
      errorStack: ['DEPLOYMENT_FAILURE'],
      errorTypes: ['UNKNOWN_ERROR'],
    });
    expect(failureOf('text').cause).toBe('text');
    expect(failureOf(new Fault('LIFECYCLE_STOPPED', 'it stops')).errorStack).toEqual(['DEPLOYMENT_FAILURE']);
  });
});

test('case 113: broken components are named with their reasons, and typed by who made them', () => {
  const broken = (name: string, reason?: string): ComponentStatus => ({
    name,
    version: '1.0.0',
    state: 'BROKEN',
    statusCodes: [],
    changedAt: 0,
    ...(reason === undefined ? {} : { reason }),
  });
  const arns = new Map([
    ['Own', 'arn:aws:greengrass:us-east-1:000000000000:components:Own:versions:1.0.0'],
    ['Theirs', 'arn:aws:greengrass:us-east-1:aws:components:Theirs:versions:1.0.0'],
  ]);
  const failure = brokenFailure([broken('Own', 'exit 1'), broken('Theirs'), broken('Lost'), broken('Own')], (name) =>
    arns.get(name),
  );
  expect(failure.cause).toContain('Service Own in broken state after deployment: exit 1. Service Theirs in broken');
  expect(failure.errorStack).toEqual(['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR', 'COMPONENT_BROKEN']);
  expect(failure.errorTypes).toEqual(['USER_COMPONENT_ERROR', 'AWS_COMPONENT_ERROR', 'COMPONENT_ERROR']);
});
