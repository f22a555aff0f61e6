import { parseRecipe } from '@greensward/model/recipe';
import { describe, expect, test } from 'vitest';
import type { BootstrapOutcome } from '../lifecycle/lifecycle.ts';
import { deployed, document, TestDevice } from './testing/test-device.ts';

const failed: BootstrapOutcome = { kind: 'failed', failure: { code: 'BOOTSTRAP_ERROR', reason: 'it would not' } };

/** A device that runs App 1.0.0 and Lib; from version 2.0.0 on App has a bootstrap step, and so has Other. */
async function bootstrapDevice(
  breaks: (version: string) => boolean = () => false,
  onRollback: string | undefined = undefined,
): Promise<TestDevice> {
  const device = new TestDevice(({ name, version }) => name === 'App' && breaks(version));
  if (onRollback !== undefined) {
    device.lifecycles.set('App@1.0.0', { Run: 'run', Bootstrap: { Script: onRollback, BootstrapOnRollback: true } });
  }
  device.lifecycles.set('App@2.0.0', { Run: 'run', Bootstrap: 'prepare' });
  device.lifecycles.set('Other@1.0.0', { Run: 'run', Bootstrap: 'prepare' });
  await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), device);
  device.events.length = 0;
  for (const { id } of device.store.owedStatuses()) device.store.settle(id);
  return device;
}

const both = document('line', 2, { App: '2.0.0', Other: '1.0.0' });
const wanted = { App: '2.0.0', Lib: '1.4.0', Other: '1.0.0' };
const old = { App: '1.0.0', Lib: '1.4.0' };

async function run(device: TestDevice, content = both): Promise<void> {
  device.start();
  device.job('j2', 2, content);
  await device.rest();
  await device.off();
}

describe('a deployment with bootstrap steps', () => {
  test('runs them while no component runs, starts the runtime again, and then the components', async () => {
    const device = await bootstrapDevice();
    const running: string[][] = [];
    device.bootstraps = async () => {
      running.push(Object.keys(device.runs()));
      return { kind: 'done' };
    };
    await run(device);
    expect(device.events).toEqual(['App 2.0.0', 'Other 1.0.0', 'restart']);
    expect(running).toEqual([[], []]);
    expect(device.set()).toEqual(wanted);
    expect(device.runs()).toEqual(wanted);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
    // And not again for a deployment that changes neither.
    await deployed((it) => it.job('j3', 3, document('line', 3, { App: '2.0.0', Other: '1.0.0' })), device);
    expect(device.events.length).toBe(3);
  });

  test('case 116, case 117: goes on with the next step after a restart or a reboot that one asked for', async () => {
    const device = await bootstrapDevice();
    const outcomes: BootstrapOutcome[] = [{ kind: 'restart' }, { kind: 'reboot' }];
    device.bootstraps = async () => outcomes.shift() ?? failed;
    await run(device);
    expect(device.events).toEqual(['App 2.0.0', 'restart', 'Other 1.0.0', 'reboot']);
    expect(device.runs()).toEqual(wanted);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
  });

  test('case 116: goes back when a step fails, with its codes, whatever the failure handling policy', async () => {
    for (const failureHandlingPolicy of ['ROLLBACK', 'DO_NOTHING']) {
      const device = await bootstrapDevice();
      device.bootstraps = async ({ name }) => (name === 'Other' ? failed : { kind: 'done' });
      await run(device, document('line', 2, { App: '2.0.0', Other: '1.0.0' }, { failureHandlingPolicy }));
      expect(device.events).toEqual(['App 2.0.0', 'Other 1.0.0', 'restart']);
      expect(device.runs()).toEqual(old);
      expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
      expect(device.store.owedStatuses().at(-1)?.failure).toEqual({
        cause: 'Bootstrap of Other failed: it would not',
        errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR', 'COMPONENT_BOOTSTRAP_ERROR'],
        errorTypes: ['USER_COMPONENT_ERROR'],
      });
    }
  });

  test('a step over its time has a code of its own', async () => {
    const device = await bootstrapDevice();
    device.bootstraps = async () => ({ kind: 'failed', failure: { code: 'BOOTSTRAP_TIMEOUT', reason: 'too long' } });
    await run(device);
    expect(device.store.owedStatuses().at(-1)?.failure?.errorStack.at(-1)).toBe('COMPONENT_BOOTSTRAP_TIMEOUT');
  });

  test('case 120: goes back, DO_NOTHING or not, when a component breaks after the restart', async () => {
    const device = await bootstrapDevice((version) => version === '2.0.0');
    await run(device, document('line', 2, { App: '2.0.0' }, { failureHandlingPolicy: 'DO_NOTHING' }));
    expect(device.events).toEqual(['App 2.0.0', 'restart']);
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
  });

  test('runs the old steps again on the way back where they ask for it, and starts again before components', async () => {
    const device = await bootstrapDevice((version) => version === '2.0.0', 'undo');
    await run(device);
    expect(device.events).toEqual(['App 2.0.0', 'Other 1.0.0', 'restart', 'App 1.0.0', 'restart']);
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
  });

  test('case 120: a step that fails on the way back ends in FAILED_UNABLE_TO_ROLLBACK, and components run again', async () => {
    const device = await bootstrapDevice(undefined, 'undo');
    device.bootstraps = async () => failed;
    await run(device);
    expect(device.events).toEqual(['App 2.0.0', 'App 1.0.0', 'restart']);
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS', 'FAILED_UNABLE_TO_ROLLBACK']);
    expect(device.store.owedStatuses().at(-1)?.failure?.cause).toContain('Bootstrap of App');
  });

  test('that is cancelled meanwhile ends the step that runs, and goes back', async () => {
    const device = await bootstrapDevice();
    device.bootstraps = async () => {
      device.noJob();
      return { kind: 'done' };
    };
    await run(device);
    expect(device.events).toEqual(['App 2.0.0', 'restart']);
    expect(device.runs()).toEqual(old);
    expect(device.statuses()).toEqual(['IN_PROGRESS']);
    expect(device.store.deployment('job/j2/2')).toBeUndefined();
  });

  test('whose runtime stops within a step runs that step again', async () => {
    const device = await bootstrapDevice();
    device.bootstraps = () => new Promise(() => {});
    await run(device);
    expect(device.store.deployment('job/j2/2')?.change?.bootstrap?.[0]).toEqual({ component: 'App', state: 'STARTED' });
    device.bootstraps = async () => ({ kind: 'done' });
    device.start();
    await device.rest();
    await device.off();
    expect(device.events).toEqual(['App 2.0.0', 'App 2.0.0', 'Other 1.0.0', 'restart']);
    expect(device.runs()).toEqual(wanted);
  });
});

describe('a local deployment', () => {
  const id = '00000000-0000-4000-8000-00000000000';
  const request = (version: string, failureHandlingPolicy = 'DO_NOTHING') => ({
    add: { Mine: version },
    remove: [],
    configuration: {},
    runWith: {},
    recipeFolder: '/recipes',
    failureHandlingPolicy,
  });
  const recipe = (version: string) =>
    parseRecipe(
      JSON.stringify({
        RecipeFormatVersion: '2020-01-25',
        ComponentName: 'Mine',
        ComponentVersion: version,
        Manifests: [{ Lifecycle: { Run: 'run', Bootstrap: 'prepare' } }],
      }),
    );

  test('runs the bootstrap steps of recipes that only its folder has, and can be cancelled while components change', async () => {
    const device = new TestDevice();
    device.localRecipes = [recipe('1.0.0')];
    await deployed((it) => it.local(`${id}1`, request('1.0.0')), device);
    expect(device.events).toEqual(['Mine 1.0.0', 'restart']);
    expect(device.runs()).toEqual({ Mine: '1.0.0' });
    device.localRecipes = [recipe('2.0.0')];
    device.hangs = ({ version }) => version === '2.0.0';
    device.start();
    device.local(`${id}2`, request('2.0.0'));
    await device.rest();
    expect(device.set()).toEqual({ Mine: '2.0.0' });
    device.cancelLocal(`${id}2`);
    await device.rest();
    await device.off();
    expect(device.runs()).toEqual({ Mine: '1.0.0' });
    expect(device.store.localDeployments().map(({ outcome }) => outcome?.status)).toEqual(['SUCCEEDED', 'CANCELED']);
  });
});

describe('a power cut at any commit of a deployment with bootstrap steps', () => {
  for (const end of ['SUCCESSFUL', 'FAILED_ROLLBACK_COMPLETE'] as const) {
    test(`ends in ${end}, reported once, and repeats no step that was done`, async () => {
      for (let commits = 0; ; commits++) {
        const device = await bootstrapDevice((version) => end !== 'SUCCESSFUL' && version === '2.0.0', 'undo');
        device.start(commits);
        device.job('j2', 2, both);
        const cut = await device.rest();
        await device.off();
        device.start();
        device.job('j2', 2, both);
        await device.rest();
        await device.off();
        const set = end === 'SUCCESSFUL' ? wanted : old;
        expect([device.set(), device.runs()], `after ${commits} commits`).toEqual([set, set]);
        expect(device.statuses().filter((status) => status === end).length, `after ${commits} commits`).toBe(1);
        const steps = device.events.filter((event) => !event.startsWith('re'));
        const once = end === 'SUCCESSFUL' ? 2 : 3;
        expect(steps.length - once, `${commits}: ${steps}`).toBeLessThanOrEqual(1);
        if (!cut) break;
      }
    });
  }
});
