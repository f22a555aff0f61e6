import { emptyConfiguration } from '@greensward/model/configuration';
import { describe, expect, test } from 'vitest';
import type { ComponentState, ComponentStatus } from '../lifecycle/lifecycle.ts';
import type { SetEntry } from '../store/records.ts';
import { componentRows, type DeviceFacts, deploymentPart, fleetMessage } from './fleet-message.ts';

const facts: DeviceFacts = {
  thing: 'core',
  nucleusComponent: 'aws.greengrass.Nucleus',
  nucleusVersion: '2.18.0',
  platform: 'linux',
  architecture: 'amd64',
};
const entry = (name: string): SetEntry => ({
  name,
  version: '1.0.0',
  arn: '',
  configuration: emptyConfiguration(),
  isRoot: name === 'App',
  sources: ['arn'],
});
const status = (name: string, state: ComponentState): ComponentStatus => ({
  name,
  version: '1.0.0',
  state,
  statusCodes: ['RUN_ERROR'],
  reason: 'exit 1',
  changedAt: 0,
});
const rows = (names: readonly string[], statuses: readonly ComponentStatus[], reported: Record<string, string> = {}) =>
  componentRows(facts, new Map(names.map((name) => [name, entry(name)])), statuses, new Map(Object.entries(reported)));
const message = (trigger: 'NUCLEUS_LAUNCH' | 'CADENCE' | 'RECONNECT', states: readonly ComponentStatus[]) =>
  fleetMessage(facts, {
    trigger,
    sequenceNumber: 3,
    now: 77,
    components: rows(
      states.map(({ name }) => name),
      states,
    ),
  });

describe('rows', () => {
  test('have the reason of a failure, and none for what does not fail', () => {
    const [app, lib] = rows(['App', 'Lib'], [status('App', 'ERRORED'), status('Lib', 'RUNNING')]);
    expect(app).toMatchObject({ status: 'ERRORED', statusCodes: ['RUN_ERROR'], statusReason: 'exit 1', isRoot: true });
    expect(lib).toMatchObject({ status: 'RUNNING', statusCodes: [], statusReason: undefined, isRoot: false });
  });

  test('hold the nucleus itself, and as NEW what was not begun', () => {
    expect(rows(['App'], []).map((row) => [row.componentName, row.status])).toEqual([
      ['App', 'NEW'],
      ['aws.greengrass.Nucleus', 'RUNNING'],
    ]);
  });

  test('say UNINSTALLED of what was reported and is gone, with no deployment behind it', () => {
    const gone = rows(['App'], [], { App: '1.0.0', Old: '0.9.0', 'aws.greengrass.Nucleus': '2.17.0' }).at(-1);
    expect(gone).toMatchObject({ componentName: 'Old', version: '0.9.0', status: 'UNINSTALLED', fleetConfigArns: [] });
  });
});

describe('a message', () => {
  test('case 125: is UNHEALTHY exactly while a component is BROKEN', () => {
    expect(message('RECONNECT', [status('App', 'ERRORED')]).overallDeviceStatus).toBe('HEALTHY');
    expect(message('RECONNECT', [status('App', 'BROKEN')]).overallDeviceStatus).toBe('UNHEALTHY');
  });

  test('of a launch and of the day is COMPLETE, any other PARTIAL', () => {
    const types = (['NUCLEUS_LAUNCH', 'CADENCE', 'RECONNECT'] as const).map(
      (trigger) => message(trigger, []).messageType,
    );
    expect(types).toEqual(['COMPLETE', 'COMPLETE', 'PARTIAL']);
    expect(message('CADENCE', [])).toMatchObject({
      thing: 'core',
      sequenceNumber: 3,
      timestamp: 77,
      runtime: 'aws_nucleus_classic',
    });
  });
});

test('the part of a deployment has its status and why it failed', () => {
  const source = { kind: 'job', jobId: 'j', queuedAt: 1 } as const;
  const failure = { cause: 'because', errorStack: ['DEPLOYMENT_FAILURE'], errorTypes: ['DEVICE_ERROR'] };
  const owed = { id: 1, reported: true, source, status: 'FAILED', detailedStatus: 'FAILED_NO_STATE_CHANGE' } as const;
  expect(deploymentPart({ ...owed, failure, deploymentId: 'd', configurationArn: 'arn' })).toEqual({
    status: 'FAILED',
    outcome: {
      detailedStatus: 'FAILED_NO_STATE_CHANGE',
      failureCause: 'because',
      errorStack: ['DEPLOYMENT_FAILURE'],
      errorTypes: ['DEVICE_ERROR'],
    },
    configurationArn: 'arn',
    deploymentId: 'd',
    unchangedRootComponents: [],
  });
});
