import { Fault, type Json, type JsonObject } from '@greensward/kit';
import { fromJson, toJson } from '@greensward/model/configuration';
import { parseDocument } from '@greensward/model/deployment-document';
import { describe, expect, test } from 'vitest';
import type { ComponentSet, GroupRecord, SetEntry } from '../store/records.ts';
import { type PrepareDeps, type Prepared, prepare } from './prepare.ts';
import { fakeDataPlane, memoryFiles } from './testing/fake-cloud.ts';

const never = new AbortController().signal;

class Bench {
  readonly files = memoryFiles();
  readonly ignored: string[] = [];
  readonly resolved: string[] = [];
  groups: readonly string[] | 'denied' = ['line'];
  current: ComponentSet = new Map();
  recorded: ReadonlyMap<string, GroupRecord> = new Map();

  run(components: Readonly<Record<string, Json>>, more: JsonObject = {}, signal = never): Promise<Prepared> {
    const plane = fakeDataPlane(
      { App: { '1.0.0': { Lib: '^1.0.0' }, '2.0.0': {} }, Lib: { '1.0.0': {} }, Other: { '1.0.0': {} } },
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
      onIgnored: (component, pointers) => this.ignored.push(component, ...pointers),
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

const entryOf = ({ set }: Prepared, name: string) => set.find((one) => one.name === name);
const configurationOf = (prepared: Prepared, name: string) => {
  const found = entryOf(prepared, name);
  return found && toJson(found.configuration);
};

describe('the set a deployment makes', () => {
  test('has roots and dependencies, with the deployments behind them', async () => {
    const bench = new Bench();
    const prepared = await bench.run({ App: { version: '1.0.0' } });
    expect(prepared.set.map(({ name, version, isRoot }) => [name, version, isRoot])).toEqual([
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
    expect(configurationOf(prepared, 'App')).toEqual({ from: 'mine', local: 1, added: true });
    expect(bench.ignored).toEqual(['App', '/local']);
    const reset = await bench.run({ App: { version: '2.0.0', configurationUpdate: { reset: [''] } } });
    expect(configurationOf(reset, 'App')).toEqual({ from: 'default of 2.0.0' });
  });

  test('gives a root the runWith of its document, whole, and leaves others what they have', async () => {
    const bench = new Bench();
    const runWith = { posixUser: 'one' };
    bench.current = new Map([
      ['App', entry('App', {}, 1, { runWith })],
      ['Lib', entry('Lib', {}, 1, { runWith })],
    ]);
    const prepared = await bench.run({ App: { version: '1.0.0' } });
    expect(entryOf(prepared, 'App')).not.toHaveProperty('runWith');
    expect(entryOf(prepared, 'Lib')?.runWith).toEqual(runWith);
  });

  test('has the roots of the other groups of the device', async () => {
    const bench = new Bench();
    bench.groups = ['line', 'plant'];
    bench.recorded = new Map([
      ['thinggroup/plant', { roots: { Other: '1.0.0' }, configurationArn: 'plant', timestamp: 1 }],
      ['thinggroup/left', { roots: { Gone: '1.0.0' }, configurationArn: 'left', timestamp: 1 }],
    ]);
    const prepared = await bench.run({ Lib: { version: '1.0.0' } });
    expect(prepared.set.map(({ name }) => name).sort()).toEqual(['Lib', 'Other']);
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

  test('with the reason of an abort', async () => {
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
