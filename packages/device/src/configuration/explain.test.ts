import { applyUpdate, type ConfigurationTree, fromJson, updateConfiguration } from '@greensward/model/configuration';
import { describe, expect, test } from 'vitest';
import type { SetEntry } from '../store/records.ts';
import { explainConfiguration, explainText } from './explain.ts';

const nucleus = 'aws.greengrass.Nucleus';
const day = Date.UTC(2026, 0, 2);
const arn = 'arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/line:3';
const deployment = `deployment/d-3/${arn}`;

function entry(name: string, configuration: ConfigurationTree, more: Partial<SetEntry> = {}): SetEntry {
  return { name, version: '1.0.0', arn: '', configuration, isRoot: true, sources: [], ...more };
}

const app = updateConfiguration(
  applyUpdate({
    running: undefined,
    defaults: { rpm: 900, nested: { a: 1 } },
    merge: { nested: { b: [2] } },
    timestamp: day,
    source: deployment,
    defaultSource: 'default/1.0.0',
  }).tree,
  [],
  { rpm: 950 },
  day + 60_000,
  'ipc/App',
).tree;
const overruled = [{ pointer: '/rpm', deploymentId: 'd-4', timestamp: day + 1000 }];
const file = fromJson(
  {
    mqtt: { port: '8883', version: 'mqtt5' },
    networkProxy: { proxy: { url: 'http://me:hush@p:1', password: 'hush' } },
  },
  day - 1000,
  'file/config.yaml',
);
const set = new Map([
  ['App', entry('App', app, { overruled })],
  [nucleus, entry(nucleus, fromJson({ mqtt: { port: 443 } }, day, deployment))],
]);
const of = (about: { component?: string; pointer?: string }) =>
  explainConfiguration(set, { component: nucleus, file }, about);

describe('each value of the configuration', () => {
  test('tells what set it, when, and which deployment lost to it', () => {
    expect(explainText(of({ component: 'App' }))).toBe(
      `App /rpm = 950
    UpdateConfiguration of App, 2026-01-02T00:01:00.000Z
    deployment d-4 of 2026-01-02T00:00:01.000Z wanted another value: this one was written later
App /nested/a = 1
    default of the recipe of version 1.0.0, 2026-01-02T00:00:00.000Z
App /nested/b = [2]
    deployment d-3 (${arn}), 2026-01-02T00:00:00.000Z
`,
    );
  });

  test('of the runtime is from its file, or from a deployment that lies over it', () => {
    const mqtt = of({ component: nucleus, pointer: '/MQTT' });
    expect(mqtt.map(({ pointer, value, source }) => [pointer, value, source.kind])).toEqual([
      ['/mqtt/version', 'mqtt5', 'file'],
      ['/mqtt/port', 443, 'deployment'],
    ]);
  });

  test('is not shown when it is the password of a proxy', () => {
    const text = explainText(of({ component: nucleus, pointer: '/networkProxy' }));
    expect(text).toContain('http://***@p:1');
    expect(text).not.toMatch(/hush|me:/);
  });

  test('can be asked for by component and pointer', () => {
    expect(of({ component: 'App', pointer: '/nested' }).map(({ pointer }) => pointer)).toEqual([
      '/nested/a',
      '/nested/b',
    ]);
    expect(of({ component: 'App', pointer: '/nest' })).toEqual([]);
    expect(of({ component: 'None' })).toEqual([]);
    expect(new Set(of({}).map(({ component }) => component))).toEqual(new Set(['App', nucleus]));
  });
});
