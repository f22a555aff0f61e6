import { Fault, type Json } from '@greensward/kit';
import { toJson, updateConfiguration } from '@greensward/model/configuration';
import { describe, expect, test } from 'vitest';
import { deployed, document, TestDevice } from './testing/test-device.ts';

describe('a deployment', () => {
  test('installs its components with their dependencies and reports IN_PROGRESS, then SUCCESSFUL', async () => {
    const device = await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })));
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    expect(device.runs()).toEqual(device.set());
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
  });

  test('with fewer components removes what its group no longer names', async () => {
    const device = await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0', Other: '1.0.0' })));
    device.start();
    device.job('j2', 2, document('line', 2, { Other: '1.0.0' }));
    await device.rest();
    expect(device.set()).toEqual({ Other: '1.0.0' });
    expect(device.runs()).toEqual({ Other: '1.0.0' });
    await device.off();
  });

  test('cases 72, 73: keeps the components of the other groups of the device, and drops those of a group it has left', async () => {
    const device = new TestDevice();
    device.groups = ['line', 'plant'];
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    await deployed((it) => it.job('j2', 2, document('plant', 1, { Other: '1.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0', Other: '1.0.0' });
    device.groups = ['plant'];
    await deployed((it) => it.job('j3', 3, document('plant', 2, { Other: '1.0.0' })), device);
    expect(device.set()).toEqual({ Other: '1.0.0' });
  });

  test('case 77: keeps everything when the cloud will not say which groups the device is in', async () => {
    const device = new TestDevice();
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    device.groups = 'denied';
    await deployed((it) => it.job('j2', 2, document('plant', 1, { Other: '1.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0', Other: '1.0.0' });
  });

  test('of two groups that pin different versions fails before anything changes, naming both', async () => {
    const device = new TestDevice();
    device.groups = ['line', 'plant'];
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    await deployed((it) => it.job('j2', 2, document('plant', 1, { App: '2.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    const last = device.store.owedStatuses().at(-1);
    expect(last?.detailedStatus).toBe('FAILED_NO_STATE_CHANGE');
    expect(last?.failure?.cause).toMatch(/thinggroup\/line.*thinggroup\/plant/);
  });

  test('that names what the cloud does not have fails before anything changes', async () => {
    const device = await deployed((it) => it.job('j1', 1, document('line', 1, { Missing: '1.0.0' })));
    expect(device.set()).toEqual({});
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_NO_STATE_CHANGE']);
    expect(device.store.owedStatuses().at(-1)?.failure?.errorStack).toEqual([
      'DEPLOYMENT_FAILURE',
      'NO_AVAILABLE_COMPONENT_VERSION',
    ]);
  });

  test('that needs a plugin which this runtime does not have fails before anything changes, naming it', async () => {
    const device = await deployed((it) => it.job('j1', 1, document('line', 1, { Logged: '1.0.0' })));
    expect(device.set()).toEqual({});
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_NO_STATE_CHANGE']);
    const failure = device.store.owedStatuses().at(-1)?.failure;
    expect(failure?.errorStack).toEqual(['DEPLOYMENT_FAILURE', 'CUSTOM_PLUGIN_NOT_SUPPORTED']);
    expect(failure?.cause).toContain('aws.greengrass.ShadowManager 2.3.9');
  });

  test('whose component breaks is rolled back to the versions before it', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    await deployed((it) => it.job('j2', 2, document('line', 2, { App: '2.0.0', Other: '1.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    expect(device.runs()).toEqual(device.set());
    expect(device.statuses().slice(2)).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
    expect(device.store.owedStatuses().at(-1)?.failure?.errorTypes).toEqual(['USER_COMPONENT_ERROR']);
  });

  test('case 103: whose component breaks is left as it is under DO_NOTHING', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed(
      (it) => it.job('j1', 1, document('line', 1, { App: '2.0.0' }, { failureHandlingPolicy: 'DO_NOTHING' })),
      device,
    );
    expect(device.set()).toEqual({ App: '2.0.0', Lib: '1.4.0' });
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_NOT_REQUESTED']);
  });

  test('case 102: that is the first and whose component breaks is rolled back to the empty device', async () => {
    const device = new TestDevice(() => true);
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    expect([device.set(), device.runs()]).toEqual([{}, {}]);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
  });

  test('case 110: leaves on disk what runs and what ran before it, and nothing older', async () => {
    const device = new TestDevice();
    for (const [revision, version] of ['1.0.0', '2.0.0', '3.0.0', '2.0.0'].entries()) {
      const at = revision + 1;
      await deployed((it) => it.job(`j${at}`, at, document('line', at, { App: version })), device);
      const apps = device.files.stored().filter((stored) => stored.startsWith('App@'));
      expect(apps).toEqual(
        [['App@1.0.0'], ['App@1.0.0', 'App@2.0.0'], ['App@2.0.0', 'App@3.0.0'], ['App@2.0.0', 'App@3.0.0']][revision],
      );
    }
    expect(device.runs()).toMatchObject({ App: '2.0.0' });
  });

  test('whose rollback breaks too ends in FAILED_UNABLE_TO_ROLLBACK with the first cause', async () => {
    let broken = false;
    const device = new TestDevice((spec) => broken && spec.name === 'App');
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    device.start();
    broken = true;
    device.lifecycle.statuses = () => []; // Nothing was broken before.
    device.lifecycle.settled = async (names) => ({
      ok: false,
      broken: [...names].map((name) => ({ name, version: '', state: 'BROKEN', statusCodes: [], changedAt: 0 })),
    });
    device.job('j2', 2, document('line', 2, { App: '2.0.0' }));
    await device.rest();
    await device.off();
    expect(device.statuses().at(-1)).toBe('FAILED_UNABLE_TO_ROLLBACK');
  });

  test('that is older than the last one of its group is REJECTED', async () => {
    const device = new TestDevice();
    await deployed((it) => it.job('j2', 2, document('line', 2, { App: '2.0.0' })), device);
    await deployed((it) => it.job('j1', 3, document('line', 1, { App: '1.0.0' })), device);
    expect(device.set()).toEqual({ App: '2.0.0', Lib: '1.4.0' });
    expect(device.statuses().slice(2)).toEqual(['REJECTED']);
  });

  test('case 64: that is delivered twice runs once; queued again later it runs again', async () => {
    const device = new TestDevice();
    const content = document('line', 1, { App: '1.0.0' });
    await deployed((it) => [it.job('j1', 1, content), it.job('j1', 1, content)], device);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
    await deployed((it) => it.job('j1', 5, content), device);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL', 'IN_PROGRESS', 'SUCCESSFUL']);
  });

  test('that cannot be read fails with DEPLOYMENT_DOCUMENT_PARSE_ERROR', async () => {
    const device = await deployed((it) => it.job('j1', 1, { components: 7 }));
    expect(device.statuses()).toEqual(['FAILED_NO_STATE_CHANGE']);
    expect(device.store.owedStatuses()[0]?.failure?.errorStack).toContain('DEPLOYMENT_DOCUMENT_PARSE_ERROR');
  });

  test('case 66: that requires a capability nobody has fails before anything changes', async () => {
    const device = await deployed((it) =>
      it.job('j1', 1, document('line', 1, {}, { requiredCapabilities: ['TIME_TRAVEL'] })),
    );
    expect(device.store.owedStatuses().at(-1)?.failure?.errorStack).toContain('NUCLEUS_MISSING_REQUIRED_CAPABILITIES');
  });
});

describe('cancelling', () => {
  test('case 109: a job that still prepares changes nothing and reports nothing more', async () => {
    const device = new TestDevice();
    device.start();
    device.job('j1', 1, document('line', 1, { App: '1.0.0' }));
    device.noJob();
    await device.rest();
    await device.off();
    expect(device.set()).toEqual({});
    expect(device.statuses().filter((status) => status !== 'IN_PROGRESS')).toEqual([]);
  });

  test('a shadow deployment that still waits reports CANCELED', async () => {
    const device = new TestDevice();
    device.start();
    const arn = 'arn:aws:greengrass:us-east-1:000000000000:configuration:thing/core:1';
    device.shadow(arn, document('line', 1, { App: '1.0.0' }));
    device.shadow(arn, null, true);
    await device.rest();
    await device.off();
    expect(device.set()).toEqual({});
    expect(device.statuses()).toContain('CANCELED');
  });
});

describe('what does not go well', () => {
  const revision = (number: number, components: Readonly<Record<string, string>>, more: Record<string, Json> = {}) =>
    document('line', number, components, more);

  test('a recipe that cannot be read back while it is applied is rolled back from', async () => {
    const device = await deployed((it) => it.job('j1', 1, revision(1, { App: '1.0.0' })));
    device.files.damaged.add('App@2.0.0');
    await deployed((it) => it.job('j2', 2, revision(2, { App: '2.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    expect(device.runs()).toEqual(device.set());
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
    expect(device.store.owedStatuses().at(-1)?.failure?.errorStack).toContain('LOCAL_RECIPE_CORRUPTED');
  });

  test('a recipe that is damaged at a start keeps no other component from it, and counts as BROKEN', async () => {
    const device = await deployed((it) => it.job('j1', 1, revision(1, { App: '1.0.0', Other: '1.0.0' })));
    device.files.damaged.add('Other@1.0.0');
    device.start();
    await device.rest();
    expect(device.states().sort()).toEqual(['App RUNNING', 'Lib RUNNING', 'Other BROKEN']);
    // The next deployment brings the recipe again.
    device.files.damaged.clear();
    device.job('j2', 2, revision(2, { App: '1.0.0', Other: '1.0.0' }));
    await device.rest();
    expect(device.states().sort()).toEqual(['App RUNNING', 'Lib RUNNING', 'Other RUNNING']);
    await device.off();
  });

  test('case 104: a rollback restores what it can when one component before it could not run, and does not count that', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, revision(1, { App: '1.0.0', Other: '1.0.0' })), device);
    device.files.damaged.add('Other@1.0.0');
    await deployed((it) => it.job('j2', 2, revision(2, { App: '2.0.0' })), device);
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0', Other: '1.0.0' });
    expect(device.runs()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
  });

  test('case 104: a rollback does not wait for what depends on a component that was BROKEN before', async () => {
    let libBreaks = false;
    const device = new TestDevice((spec) => spec.version === '2.0.0' || (libBreaks && spec.name === 'Lib'));
    await deployed((it) => it.job('j1', 1, revision(1, { App: '1.0.0' })), device);
    libBreaks = true;
    await deployed((it) => it.job('j2', 2, revision(2, { App: '2.0.0' })), device);
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
  });

  test('under DO_NOTHING what the deployment would have removed runs on, is known, and goes with the next', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, revision(1, { Other: '1.0.0' })), device);
    const doNothing = { failureHandlingPolicy: 'DO_NOTHING' };
    device.start();
    device.job('j2', 2, revision(2, { App: '2.0.0' }, doNothing));
    await device.rest();
    expect(device.set()).toEqual({ App: '2.0.0', Lib: '1.4.0', Other: '1.0.0' });
    expect(device.runs()).toEqual(device.set());
    device.job('j3', 3, revision(3, { App: '1.0.0' }));
    await device.rest();
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    await device.off();
  });

  test('case 111: failed deployments leave the last good versions and those of the latest failure on disk', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, revision(1, { App: '1.0.0' })), device);
    device.files.fetch = async (recipe) => {
      if (recipe.componentName === 'Other') throw new Fault('ARTIFACT_CHECKSUM_MISMATCH', 'wrong bytes');
    };
    await deployed((it) => it.job('j2', 2, revision(2, { App: '1.0.0', Other: '1.0.0' })), device);
    expect(device.statuses().at(-1)).toBe('FAILED_NO_STATE_CHANGE');
    expect(device.files.stored()).toEqual(['App@1.0.0', 'Lib@1.4.0', 'Other@1.0.0']);
    await deployed((it) => it.job('j3', 3, revision(3, { App: '2.0.0' })), device);
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
    expect(device.files.stored()).toEqual(['App@1.0.0', 'App@2.0.0', 'Lib@1.4.0']);
  });

  test('a failed download ends the others before the deployment ends', async () => {
    const device = new TestDevice();
    let running = 0;
    device.files.fetch = async (recipe, signal) => {
      if (recipe.componentName === 'Lib') throw new Fault('ARTIFACT_CHECKSUM_MISMATCH', 'wrong bytes');
      running += 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      running -= 1;
    };
    device.start();
    device.job('j1', 1, revision(1, { App: '1.0.0', Other: '1.0.0' }));
    await device.rest();
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_NO_STATE_CHANGE']);
    expect(running).toBe(0);
    await device.off();
    expect(device.store.owedStatuses().at(-1)?.failure?.errorStack).toContain('ARTIFACT_CHECKSUM_MISMATCH');
  });

  test('a component type that needs the Java nucleus fails before anything changes', async () => {
    const device = await deployed((it) => it.job('j1', 1, revision(1, { Plugin: '1.0.0' })));
    expect(device.statuses().at(-1)).toBe('FAILED_NO_STATE_CHANGE');
    expect(device.store.owedStatuses().at(-1)?.failure?.cause).toContain('Plugin');
  });
});

describe('a cloud that says the same again', () => {
  const content = document('line', 1, { App: '1.0.0' });

  test('hears the end of a deployment again when it asks for one that has ended', async () => {
    const device = await deployed((it) => it.job('j1', 1, content));
    for (const { id } of device.store.owedStatuses()) device.store.settle(id);
    await deployed((it) => it.job('j1', 1, content), device);
    expect(device.statuses()).toEqual(['SUCCESSFUL']);
    // While that is owed it is not owed twice.
    await deployed((it) => it.job('j1', 1, content), device);
    expect(device.statuses()).toEqual(['SUCCESSFUL']);
  });

  test('gets a job run after all that the device took for cancelled', async () => {
    const device = new TestDevice();
    device.start();
    device.job('j1', 1, content);
    device.noJob();
    device.job('j1', 1, content);
    await device.rest();
    await device.off();
    expect(device.set()).toEqual({ App: '1.0.0', Lib: '1.4.0' });
    expect(device.statuses().at(-1)).toBe('SUCCESSFUL');
  });

  test('does not cancel a new deployment by repeating an old one', async () => {
    const device = await deployed((it) => it.job('j1', 1, content));
    device.start();
    device.job('j2', 2, document('line', 2, { Other: '1.0.0' }));
    device.job('j1', 1, content);
    await device.rest();
    await device.off();
    expect(device.set()).toEqual({ Other: '1.0.0' });
  });

  test('finds no document of an ended deployment in the store, only its end', async () => {
    const device = await deployed((it) => it.job('j1', 1, content));
    expect(device.store.deployment('job/j1/1')).toMatchObject({ stage: 'ENDED', document: null });
  });
});

describe('a power cut at any commit', () => {
  for (const outcome of ['SUCCESSFUL', 'FAILED_ROLLBACK_COMPLETE'] as const) {
    test(`still ends in ${outcome} on a verified set, reported once`, async () => {
      const wanted = outcome === 'SUCCESSFUL' ? { App: '2.0.0', Lib: '1.4.0' } : { App: '1.0.0', Lib: '1.4.0' };
      for (let commits = 0; ; commits++) {
        const device = new TestDevice((spec) => outcome !== 'SUCCESSFUL' && spec.version === '2.0.0');
        await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
        const content = document('line', 2, { App: '2.0.0' });
        device.start(commits);
        device.job('j2', 2, content);
        const cut = await device.rest();
        device.start();
        device.job('j2', 2, content); // The cloud hands out what it has no end of.
        await device.rest();
        await device.off();
        expect(device.set(), `after ${commits} commits`).toEqual(wanted);
        expect(device.runs(), `after ${commits} commits`).toEqual(wanted);
        expect(device.statuses().filter((status) => status === outcome).length, `after ${commits} commits`).toBe(
          outcome === 'SUCCESSFUL' ? 2 : 1,
        );
        if (!cut) break;
      }
    });
  }

  test('loses no local deployment that was taken', async () => {
    const request = {
      add: { Other: '1.0.0' },
      remove: [],
      configuration: {},
      runWith: {},
      failureHandlingPolicy: 'ROLLBACK',
    };
    for (let commits = 1; ; commits++) {
      const device = new TestDevice();
      await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
      const before = device.set();
      device.start(commits); // The first commit takes it.
      device.local('00000000-0000-4000-8000-000000000001', request);
      const cut = await device.rest();
      device.start(); // Nobody hands it out again.
      await device.rest();
      await device.off();
      expect(device.set(), `after ${commits} commits`).toEqual({ ...before, Other: '1.0.0' });
      expect(device.runs(), `after ${commits} commits`).toEqual({ ...before, Other: '1.0.0' });
      expect(device.statuses(), `after ${commits} commits`).toEqual(['IN_PROGRESS', 'SUCCESSFUL', 'SUCCESSFUL']);
      if (!cut) break;
    }
  });
});

describe('what a deployment could not set because it is newer on the device', () => {
  const update = (revision: number) =>
    document(
      'line',
      revision,
      {},
      {
        components: { Other: { version: '1.0.0', configurationUpdate: { merge: { from: 'deployed', b: 1 } } } },
      },
    );

  test('is told with its success, by component and key, once', async () => {
    const device = await deployed((it) => it.job('j1', 1, document('line', 1, { Other: '1.0.0' })));
    const before = device.store.components().get('Other')?.configuration;
    if (before === undefined) throw new Error('it is there');
    const local = updateConfiguration(before, [], { from: 'local' }, 1_000_000, 'ipc/Other').tree;
    device.store.putConfiguration('Other', local);
    await deployed((it) => it.job('j2', 2, update(2)), device);
    expect(device.store.owedStatuses().at(-1)).toMatchObject({
      status: 'SUCCEEDED',
      ignoredConfiguration: 'Other: /from',
    });
    expect(toJson(device.store.components().get('Other')?.configuration ?? before)).toMatchObject({
      from: 'local',
      b: 1,
    });
    await deployed((it) => it.job('j3', 3, document('line', 3, { Other: '1.0.0' })), device);
    expect(device.store.owedStatuses().at(-1)).not.toHaveProperty('ignoredConfiguration');
  });

  test('is restored with everything else by a rollback', async () => {
    const device = new TestDevice((spec) => spec.version === '2.0.0');
    await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
    const before = device.store.components();
    await deployed(
      (it) =>
        it.job(
          'j2',
          2,
          document(
            'line',
            2,
            {},
            { components: { App: { version: '2.0.0', configurationUpdate: { reset: [''], merge: { x: [1] } } } } },
          ),
        ),
      device,
    );
    expect(device.statuses().at(-1)).toBe('FAILED_ROLLBACK_COMPLETE');
    expect(device.store.components()).toEqual(before);
  });
});
