import { describe, expect, test } from 'vitest';
import { deployed, document, TestDevice } from './testing/test-device.ts';

/** A device that runs App 1.0.0, and on which App 2.0.0 never comes up. */
async function hangingDevice(): Promise<TestDevice> {
  const device = new TestDevice();
  device.hangs = ({ version }) => version === '2.0.0';
  await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
  for (const { id } of device.store.owedStatuses()) device.store.settle(id);
  device.start();
  return device;
}

const old = { App: '1.0.0', Lib: '1.4.0' };
const arn = 'arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/line:2';
const never = document('line', 2, { App: '2.0.0', Other: '1.0.0' });

describe('a deployment that is cancelled while it waits for its components', () => {
  test('case 108: goes back to the set before it, and a job reports nothing more', async () => {
    const device = await hangingDevice();
    device.job('j2', 2, never);
    await device.rest();
    expect(device.set()).toEqual({ App: '2.0.0', Lib: '1.4.0', Other: '1.0.0' });
    device.noJob();
    await device.rest();
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS']);
    await device.off();
  });

  test('reports CANCELED for a shadow, once it is back', async () => {
    const device = await hangingDevice();
    device.shadow(arn, never);
    await device.rest();
    device.shadow(arn, null, true);
    await device.rest();
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'CANCELED']);
    await device.off();
  });

  test('gives way to a newer one, which ends on its own set', async () => {
    const device = await hangingDevice();
    device.job('j2', 2, never);
    await device.rest();
    device.job('j3', 3, document('line', 3, { Other: '1.0.0' }));
    await device.rest();
    expect(device.runs()).toEqual({ Other: '1.0.0' });
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'IN_PROGRESS', 'SUCCESSFUL']);
    await device.off();
  });

  test('stays cancelled over a restart at any commit', async () => {
    for (let commits = 0; ; commits++) {
      const device = await hangingDevice();
      device.shadow(arn, never);
      await device.rest();
      await device.off();
      device.start(commits);
      device.shadow(arn, null, true);
      const cut = await device.rest();
      await device.off();
      device.start();
      if (cut) device.shadow(arn, null, true);
      await device.rest();
      expect(device.runs(), `after ${commits} commits`).toEqual(old);
      expect(
        device.statuses().filter((status) => status === 'CANCELED'),
        `after ${commits} commits`,
      ).toEqual(['CANCELED']);
      await device.off();
      if (!cut) break;
    }
  });
});

test('cancelling during a rollback does not stop the rollback, nor change what it reports', async () => {
  const device = await hangingDevice();
  device.limits = { ...device.limits, activationMs: 1000 };
  device.hangs = () => true;
  device.shadow(arn, never);
  await device.rest();
  await device.timers.pass(1000);
  expect(device.store.openDeployments()[0]?.stage).toBe('ROLLING_BACK');
  device.shadow(arn, null, true);
  device.hangs = () => false;
  await device.timers.pass(1000);
  await device.rest();
  expect(device.set()).toEqual(old);
  expect(device.statuses().at(-1)).toMatch(/^FAILED_/);
  await device.off();
});

describe('a component that does not come up', () => {
  test('holds its deployment no longer than the limit, and is named with its state', async () => {
    const device = await hangingDevice();
    device.limits = { ...device.limits, activationMs: 60_000 };
    device.job('j2', 2, never);
    await device.rest();
    await device.timers.pass(59_999);
    expect(device.statuses()).toEqual(['IN_PROGRESS']);
    await device.timers.pass(1);
    await device.rest();
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
    const failure = device.store.owedStatuses().at(-1)?.failure;
    expect(failure?.cause).toBe('Not all components run after 60 s: App INSTALLED');
    expect(failure?.errorStack).toEqual(['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR']);
    await device.off();
  });

  test('nor a rollback, which then ends in FAILED_UNABLE_TO_ROLLBACK', async () => {
    const device = await hangingDevice();
    device.limits = { ...device.limits, activationMs: 60_000 };
    device.hangs = ({ name }) => name === 'App';
    device.job('j2', 2, never);
    await device.rest();
    await device.timers.pass(120_000);
    await device.rest();
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_UNABLE_TO_ROLLBACK']);
    await device.off();
  });
});
