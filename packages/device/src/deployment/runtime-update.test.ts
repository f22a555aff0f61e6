import type { Json, JsonObject } from '@greensward/kit';
import { parseRecipe } from '@greensward/model/recipe';
import { describe, expect, test } from 'vitest';
import { buildOf } from './runtime-update.ts';
import { deployed, document, TestDevice } from './testing/test-device.ts';

const nucleus = 'aws.greengrass.Nucleus';
const old = { App: '1.0.0', Lib: '1.4.0' };

async function device(breaks: (version: string) => boolean = () => false): Promise<TestDevice> {
  const made = new TestDevice(({ version }) => breaks(version));
  await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0' })), made);
  for (const { id } of made.store.owedStatuses()) made.store.settle(id);
  made.builds.starts.length = 0;
  return made;
}

const update = (version: string, components: Readonly<Record<string, string>> = { App: '1.0.0' }, more = {}): Json =>
  document('line', 2, { ...components, [nucleus]: version }, more);

async function run(on: TestDevice, content: Json): Promise<void> {
  on.start();
  on.job('j2', 2, content);
  await on.rest();
  await on.off();
}
const failure = (of: TestDevice) => of.store.owedStatuses().at(-1)?.failure;

describe('a deployment that names another version of the runtime', () => {
  test('makes it that build, which starts the components and reports the end', async () => {
    const it = await device();
    await run(it, update('2.19.0'));
    expect(it.builds.starts).toEqual(['2.12.0', '2.19.0']);
    expect(it.runs()).toEqual(old);
    expect(it.set()).toEqual({ ...old, [nucleus]: '2.19.0' });
    expect(it.statuses()).toEqual(['IN_PROGRESS', 'SUCCESSFUL']);
    expect(it.builds.settled()).toBe('2.19.0');
    // It is kept on disk, and stays when no deployment names it any more.
    await deployed((one) => one.job('j3', 3, document('line', 3, { App: '1.0.0' })), it);
    expect(it.set()).toEqual({ ...old, [nucleus]: '2.19.0' });
    expect(it.files.stored()).toContain(`${nucleus}@2.19.0`);
    expect(it.builds.starts.at(-1)).toBe('2.19.0');
  });

  test('fails before anything changes when the build does not say what it should', async () => {
    const it = await device();
    it.builds.unusable.add('2.19.0');
    await run(it, update('2.19.0'));
    expect(it.statuses()).toEqual(['IN_PROGRESS', 'FAILED_NO_STATE_CHANGE']);
    expect(failure(it)?.errorStack).toEqual(['DEPLOYMENT_FAILURE', 'COMPONENT_LOAD_FAILURE']);
    expect([it.runs(), it.builds.starts]).toEqual([old, ['2.12.0']]);
  });

  test('case 120: goes back after three starts that failed, whatever the policy, and may be tried again', async () => {
    const it = await device();
    it.builds.crashing.add('2.19.0');
    const doNothing = { failureHandlingPolicy: 'DO_NOTHING' };
    await run(it, update('2.19.0', { App: '2.0.0' }, doNothing));
    expect(it.builds.starts).toEqual(['2.12.0', '2.19.0', '2.19.0', '2.19.0', '2.12.0']);
    expect([it.set(), it.runs(), it.builds.settled()]).toEqual([old, old, '2.12.0']);
    expect(it.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
    expect(failure(it)).toEqual({
      cause: 'The runtime 2.19.0 failed to start three times, 2.12.0 runs again',
      errorStack: ['DEPLOYMENT_FAILURE', 'NUCLEUS_RESTART_FAILURE'],
      errorTypes: ['NUCLEUS_ERROR'],
    });
    it.builds.crashing.clear();
    await deployed((one) => one.job('j3', 3, update('2.19.0')), it);
    expect(it.builds.settled()).toBe('2.19.0');
    expect(it.statuses().at(-1)).toBe('SUCCESSFUL');
  });

  test('goes back to the old build when a component breaks under the new one', async () => {
    const it = await device((version) => version === '2.0.0');
    await run(it, update('2.19.0', { App: '2.0.0' }));
    expect(it.builds.starts).toEqual(['2.12.0', '2.19.0', '2.12.0']);
    expect([it.runs(), it.builds.settled()]).toEqual([old, '2.12.0']);
    expect(it.statuses()).toEqual(['IN_PROGRESS', 'FAILED_ROLLBACK_COMPLETE']);
  });

  test('runs bootstrap steps first, under the old build', async () => {
    const it = await device();
    it.lifecycles.set('Other@1.0.0', { Run: 'run', Bootstrap: 'prepare' });
    await run(it, update('2.19.0', { App: '1.0.0', Other: '1.0.0' }));
    expect(it.events).toEqual(['Other 1.0.0', 'replace']);
    expect(it.runs()).toEqual({ ...old, Other: '1.0.0' });
    expect(it.builds.settled()).toBe('2.19.0');
  });

  test('that is cancelled under the new build ends under the old one', async () => {
    const it = await device();
    it.hangs = ({ version }) => version === '2.0.0';
    it.start();
    it.job('j2', 2, update('2.19.0', { App: '2.0.0' }));
    await it.rest();
    expect(it.builds.starts.at(-1)).toBe('2.19.0');
    it.noJob();
    await it.rest();
    await it.off();
    expect([it.runs(), it.builds.settled(), it.builds.starts.at(-1)]).toEqual([old, '2.12.0', '2.12.0']);
    expect(it.statuses()).toEqual(['IN_PROGRESS']);
  });

  test('asks components with word of the restart', async () => {
    const it = await device();
    await run(it, update('2.19.0'));
    expect(it.events).toEqual(['replace']);
  });
});

describe('a power cut at any commit of an update of the runtime', () => {
  for (const [what, end, crashes, breaks] of [
    ['a good build', 'SUCCESSFUL', false, false],
    ['a build that crashes', 'FAILED_ROLLBACK_COMPLETE', true, false],
    ['a component that breaks', 'FAILED_ROLLBACK_COMPLETE', false, true],
  ] as const) {
    test(`ends with ${what} in ${end} under the build that fits, reported once`, async () => {
      for (let commits = 0; ; commits++) {
        const it = await device((version) => breaks && version === '2.0.0');
        if (crashes) it.builds.crashing.add('2.19.0');
        const content = update('2.19.0', { App: '2.0.0' });
        it.start(commits);
        it.job('j2', 2, content);
        const cut = await it.rest();
        await it.off();
        it.start();
        it.job('j2', 2, content);
        await it.rest();
        await it.off();
        const good = end === 'SUCCESSFUL';
        const set = good ? { ...old, App: '2.0.0' } : old;
        expect([it.runs(), it.builds.settled()], `after ${commits} commits`).toEqual([set, good ? '2.19.0' : '2.12.0']);
        expect(it.set(), `after ${commits} commits`).toEqual(good ? { ...set, [nucleus]: '2.19.0' } : set);
        expect(it.statuses().filter((status) => status === end).length, `after ${commits} commits`).toBe(1);
        if (!cut) break;
      }
    });
  }
});

test('the build is the one artifact of the component version; none, several or an archive are refused', () => {
  const recipe = (...Artifacts: JsonObject[]) =>
    parseRecipe(
      JSON.stringify({
        RecipeFormatVersion: '2020-01-25',
        ComponentName: nucleus,
        ComponentVersion: '2.19.0',
        ComponentType: 'aws.greengrass.nucleus',
        Manifests: [{ Platform: { os: 'linux' }, Artifacts }],
      }),
    );
  const find = (...artifacts: JsonObject[]) => buildOf(recipe(...artifacts), { os: 'linux' }, '/a/n/2.19.0');
  expect(find({ Uri: 'greengrass:device.mjs' })).toEqual({ version: '2.19.0', file: '/a/n/2.19.0/device.mjs' });
  expect(find({ Uri: 's3://b/folder/device.mjs' }).file).toBe('/a/n/2.19.0/device.mjs');
  for (const wrong of [[], [{ Uri: 's3://b/a' }, { Uri: 's3://b/c' }], [{ Uri: 's3://b/a.zip', Unarchive: 'ZIP' }]]) {
    expect(() => find(...wrong)).toThrow(expect.objectContaining({ code: 'COMPONENT_LOAD_FAILURE' }));
  }
});
