import { Fault, type Json, type JsonObject } from '@greensward/kit';
import { fromJson, leavesOf, toJson } from '@greensward/model/configuration';
import { parseDocument } from '@greensward/model/deployment-document';
import { describe, expect, test } from 'vitest';
import { builtinComponents } from '../builtin/builtin-components.ts';
import type { ComponentSet, GroupRecord, SetEntry } from '../store/records.ts';
import { type MergeSettings, type PrepareDeps, type Prepared, prepare } from './prepare.ts';
import { fakeDataPlane, memoryFiles } from './testing/fake-cloud.ts';

const never = new AbortController().signal;

class Bench {
  readonly files = memoryFiles();
  readonly checked: JsonObject[] = [];
  settings: MergeSettings = {
    mergeTime: (created) => created,
    interpolates: (nucleus) => nucleus['interpolateComponentConfiguration'] === true,
  };
  readonly resolved: string[] = [];
  groups: readonly string[] | 'denied' = ['line'];
  current: ComponentSet = new Map();
  recorded: ReadonlyMap<string, GroupRecord> = new Map();

  run(components: Readonly<Record<string, Json>>, more: JsonObject = {}, signal = never): Promise<Prepared> {
    const plane = fakeDataPlane(
      {
        App: { '1.0.0': { Lib: '^1.0.0' }, '2.0.0': {} },
        Lib: { '1.0.0': {} },
        Other: { '1.0.0': {} },
        'aws.greengrass.Cli': { '2.9.6': {} },
      },
      [],
    );
    const deps: PrepareDeps = {
      dataPlane: { ...plane, thingGroups: async () => this.groups },
      files: this.files,
      attributes: { os: 'linux' },
      region: 'us-east-1',
      nucleus: { component: 'aws.greengrass.Nucleus', version: '2.18.0' },
      running: (name) => this.current.get(name)?.version,
      retrying: (work) => work(),
      specContext: (recipe) => ({
        recipe,
        paths: this.files.paths,
        attributes: { os: 'linux' },
        environment: {},
        rootPath: '/r',
        thingName: 'core',
        onUnresolved: () => {},
      }),
      builtins: builtinComponents('us-east-1'),
      checkNucleus: async (overrides) => void this.checked.push(overrides),
      settings: () => this.settings,
      builds: { check: async () => {} },
    };
    const document = parseDocument({
      deploymentId: 'd-1',
      configurationArn: 'arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/line:1',
      creationTimestamp: 1000,
      components,
      ...more,
    });
    const keep = (versions: readonly string[]) => void this.resolved.push(...versions);
    return prepare(document, this.current, this.recorded, deps, signal, keep);
  }
}

function entry(name: string, configuration: JsonObject, timestamp: number, more: Partial<SetEntry> = {}): SetEntry {
  return {
    name,
    version: '1.0.0',
    arn: '',
    configuration: fromJson(configuration, timestamp, 'before'),
    isRoot: true,
    sources: [],
    ...more,
  };
}

const setOf = (prepared: Prepared, over: ComponentSet = new Map()) => prepared.setOver(over);
const entryOf = (prepared: Prepared, name: string, over?: ComponentSet) =>
  setOf(prepared, over).find((one) => one.name === name);
const configurationOf = (prepared: Prepared, name: string) => {
  const found = entryOf(prepared, name);
  return found && toJson(found.configuration);
};

describe('the set a deployment makes', () => {
  test('has roots and dependencies, with the deployments behind them', async () => {
    const bench = new Bench();
    const prepared = await bench.run({ App: { version: '1.0.0' } });
    expect(setOf(prepared).map(({ name, version, isRoot }) => [name, version, isRoot])).toEqual([
      ['Lib', '1.0.0', false],
      ['App', '1.0.0', true],
    ]);
    expect(entryOf(prepared, 'Lib')?.sources).toEqual([expect.stringContaining('thinggroup/line:1')]);
    expect(entryOf(prepared, 'Lib')?.arn).toContain('components:Lib:versions:1.0.0');
    expect(bench.resolved).toEqual(['Lib@1.0.0', 'App@1.0.0']);
  });

  test('keeps values the device has over changed defaults, resets before it merges, and tells what newer values won', async () => {
    const bench = new Bench();
    bench.current = new Map([['App', entry('App', { from: 'mine', local: 1, old: 2 }, 5000)]]);
    const update = { reset: ['/old'], merge: { added: true, local: 9 } };
    const prepared = await bench.run({ App: { version: '2.0.0', configurationUpdate: update } });
    const found = entryOf(prepared, 'App', bench.current);
    expect(found && toJson(found.configuration)).toEqual({ from: 'mine', local: 1, added: true });
    expect(found?.overruled).toEqual([{ pointer: '/local', deploymentId: 'd-1', timestamp: 1000 }]);
    const reset = await bench.run({ App: { version: '2.0.0', configurationUpdate: { reset: [''] } } });
    expect(configurationOf(reset, 'App')).toEqual({ from: 'default of 2.0.0' });
  });

  test('case 90, case 91: follows defaults, merges and resets over deployments, each leaf with what set it', async () => {
    const bench = new Bench();
    const next = async (update?: JsonObject) => {
      const prepared = await bench.run({
        App: { version: '1.0.0', ...(update === undefined ? {} : { configurationUpdate: update }) },
      });
      bench.current = new Map(setOf(prepared, bench.current).map((one) => [one.name, one]));
      return toJson(bench.current.get('App')?.configuration ?? fromJson({}, 1, ''));
    };
    expect(await next()).toEqual({ from: 'default of 1.0.0' });
    expect(await next()).toEqual({ from: 'default of 1.0.0' });
    expect(await next({ merge: { from: 'merged' } })).toEqual({ from: 'merged' });
    expect(await next({ merge: { text: '', list: [], object: {}, nothing: null } })).toEqual({
      from: 'merged',
      text: '',
      list: [],
      object: {},
      nothing: null,
    });
    expect(await next({ reset: ['/from', '/list'] })).toEqual({
      from: 'default of 1.0.0',
      text: '',
      object: {},
      nothing: null,
    });
    expect(await next({ reset: [''] })).toEqual({ from: 'default of 1.0.0' });
    const [leaf] = leavesOf(bench.current.get('App')?.configuration ?? fromJson({}, 1, ''));
    expect(leaf?.leaf.source).toBe('default/1.0.0');
  });

  test('case 92: lays a first merge over the defaults', async () => {
    const prepared = await new Bench().run({
      App: { version: '1.0.0', configurationUpdate: { merge: { more: 1 } } },
    });
    expect(configurationOf(prepared, 'App')).toEqual({ from: 'default of 1.0.0', more: 1 });
  });

  test('case 94: keeps the configuration of the runtime when no deployment names it any more', async () => {
    const bench = new Bench();
    const nucleus = 'aws.greengrass.Nucleus';
    const first = await bench.run({
      [nucleus]: { version: '2.18.0', configurationUpdate: { merge: { mqtt: { port: 443 } } } },
      App: { version: '1.0.0' },
    });
    expect(bench.checked).toEqual([{ mqtt: { port: 443 } }]);
    const named = entryOf(first, nucleus);
    expect([named?.isRoot, named?.builtin]).toEqual([true, true]);
    bench.current = new Map(setOf(first).map((one) => [one.name, one]));
    const second = entryOf(await bench.run({ App: { version: '1.0.0' } }), nucleus, bench.current);
    expect(second && [toJson(second.configuration), second.isRoot]).toEqual([{ mqtt: { port: 443 } }, false]);
  });

  test('case 95: leaves a value that a component wrote after the deployment was made, unless the time of processing counts', async () => {
    const bench = new Bench();
    const minute = 60_000;
    bench.current = new Map([['App', entry('App', { key: 'of the component' }, 1000 + 5 * minute)]]);
    const update = { App: { version: '1.0.0', configurationUpdate: { merge: { key: 'deployed' } } } };
    const key = (prepared: Prepared) => {
      const found = entryOf(prepared, 'App', bench.current);
      return found && toJson(found.configuration)['key'];
    };
    expect(key(await bench.run(update))).toBe('of the component');
    bench.settings = {
      mergeTime: (created) => created + 10 * minute,
      interpolates: (nucleus) => nucleus['interpolateComponentConfiguration'] === true,
    };
    expect(key(await bench.run(update))).toBe('deployed');
  });

  test('case 96: gives a reset value its default, or takes it away, though a component wrote it later', async () => {
    const bench = new Bench();
    bench.current = new Map([['App', entry('App', { from: 'later', own: 'later' }, 9_000_000)]]);
    const prepared = await bench.run({
      App: { version: '1.0.0', configurationUpdate: { reset: ['/from', '/own'] } },
    });
    const found = entryOf(prepared, 'App', bench.current);
    expect(found && toJson(found.configuration)).toEqual({ from: 'default of 1.0.0' });
  });

  test('keeps what a component wrote while it was prepared', async () => {
    const bench = new Bench();
    bench.current = new Map([['App', entry('App', { a: 1 }, 10)]]);
    const prepared = await bench.run({ App: { version: '1.0.0', configurationUpdate: { merge: { b: 2 } } } });
    const meanwhile = new Map([['App', entry('App', { a: 'new', b: 'new' }, 5000)]]);
    const found = entryOf(prepared, 'App', meanwhile);
    expect(found && toJson(found.configuration)).toMatchObject({ a: 'new', b: 'new' });
    expect(found?.overruled).toMatchObject([{ pointer: '/b' }]);
  });

  test('replaces variables of the system in configurations when the runtime is told to', async () => {
    const bench = new Bench();
    const merge = { at: '{work:path} of {iot:thingName}', not: '{configuration:/from}' };
    const update = { App: { version: '1.0.0', configurationUpdate: { merge } } };
    expect(configurationOf(await bench.run(update), 'App')).toMatchObject(merge);
    // From this deployment on, not from the next.
    const switched = { version: '2.18.0', configurationUpdate: { merge: { interpolateComponentConfiguration: true } } };
    const prepared = await bench.run({ ...update, 'aws.greengrass.Nucleus': switched });
    expect(configurationOf(prepared, 'App')).toMatchObject({ at: '/w/App of core', not: merge.not });
    const nucleus = entryOf(prepared, 'aws.greengrass.Nucleus');
    if (nucleus === undefined) throw new Error('the runtime is configured');
    bench.current = new Map([['aws.greengrass.Nucleus', nucleus]]);
    const later = entryOf(await bench.run(update), 'App', bench.current);
    expect(later && toJson(later.configuration)).toMatchObject({ at: '/w/App of core' });
  });

  test('has what is built in without asking the cloud, and takes any version of it from the cloud', async () => {
    const bench = new Bench();
    const prepared = await bench.run({ 'aws.greengrass.TokenExchangeService': { version: '2.0.3' } });
    const service = entryOf(prepared, 'aws.greengrass.TokenExchangeService');
    expect(service && [service.builtin, toJson(service.configuration)]).toEqual([true, { port: 0 }]);
    expect(service?.arn).toContain(':aws:components:');
    const cli = entryOf(await bench.run({ 'aws.greengrass.Cli': { version: '2.9.6' } }), 'aws.greengrass.Cli');
    expect(cli && [cli.version, cli.builtin]).toEqual(['2.9.6', true]);
    expect(bench.files.stored()).not.toContain('aws.greengrass.TokenExchangeService@2.0.3');
  });

  test('case 54: gives a root the runWith of its document, whole, and leaves others what they have', async () => {
    const bench = new Bench();
    const runWith = { posixUser: 'one' };
    bench.current = new Map([
      ['App', entry('App', {}, 1, { runWith })],
      ['Lib', entry('Lib', {}, 1, { runWith })],
    ]);
    const prepared = await bench.run({ App: { version: '1.0.0' } });
    expect(entryOf(prepared, 'App', bench.current)).not.toHaveProperty('runWith');
    expect(entryOf(prepared, 'Lib', bench.current)?.runWith).toEqual(runWith);
  });

  test('has the roots of the other groups of the device', async () => {
    const bench = new Bench();
    bench.groups = ['line', 'plant'];
    bench.recorded = new Map([
      ['thinggroup/plant', { roots: { Other: '1.0.0' }, configurationArn: 'plant', timestamp: 1 }],
      ['thinggroup/left', { roots: { Gone: '1.0.0' }, configurationArn: 'left', timestamp: 1 }],
    ]);
    const prepared = await bench.run({ Lib: { version: '1.0.0' } });
    expect(
      setOf(prepared)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['Lib', 'Other']);
    expect(Object.keys(prepared.groups).sort()).toEqual(['thinggroup/line', 'thinggroup/plant']);
  });
});

describe('preparing ends', () => {
  test('before the cloud is asked anything when a capability is missing', async () => {
    const bench = new Bench();
    const run = bench.run(
      { App: { version: '1.0.0' } },
      { requiredCapabilities: ['SUB_DEPLOYMENTS', 'LARGE_CONFIGURATION'] },
    );
    await expect(run).rejects.toMatchObject({
      code: 'NUCLEUS_MISSING_REQUIRED_CAPABILITIES',
      message: expect.stringContaining('LARGE_CONFIGURATION'),
    });
    expect(bench.files.stored()).toEqual([]);
  });

  test('with the failure of a download, when no other runs any more', async () => {
    const bench = new Bench();
    let running = 0;
    bench.files.fetch = async ({ componentName }, signal) => {
      if (componentName === 'App') throw new Fault('DISK_SPACE_CRITICAL', 'full');
      running += 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      running -= 1;
    };
    const run = bench.run({ App: { version: '1.0.0' }, Other: { version: '1.0.0' } });
    await expect(run).rejects.toMatchObject({ code: 'DISK_SPACE_CRITICAL' });
    expect(running).toBe(0);
  });

  test('case 109: with the reason of an abort', async () => {
    const bench = new Bench();
    const abort = new AbortController();
    const reason = new Error('cancelled');
    bench.files.fetch = (_recipe, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const run = bench.run({ App: { version: '1.0.0' } }, {}, abort.signal);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    abort.abort(reason);
    await expect(run).rejects.toBe(reason);
  });
});
