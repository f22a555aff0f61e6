import { Fault, silentLog } from '@greensward/kit';
import { fromJson, leavesOf, toJson } from '@greensward/model/configuration';
import { HandTimers } from '@greensward/testkit/hand-timers';
import { beforeEach, expect, test } from 'vitest';
import { type DeviceStore, openDeviceStore } from '../store/device-store.ts';
import { type CloudTime, createCloudTime } from './cloud-time.ts';
import { createLiveConfiguration, type LiveConfiguration } from './live-configuration.ts';

const created = Date.UTC(2026, 0, 1, 12, 0);
const minute = 60_000;
const ipc = { kind: 'ipc', component: 'App' } as const;

let wall: number;
let timers: HandTimers;
let store: DeviceStore;
let cloudTime: CloudTime;
let live: LiveConfiguration;

beforeEach(() => {
  wall = created;
  timers = new HandTimers();
  store = openDeviceStore(':memory:', { timers });
  cloudTime = createCloudTime({ now: () => wall }, timers);
  live = createLiveConfiguration({ store, cloudTime, log: silentLog });
  const configuration = fromJson({ a: 1, nested: { b: 2 } }, created, 'deployment/d-1/x');
  store.replaceComponents([{ name: 'App', version: '1.0.0', arn: '', configuration, isRoot: true, sources: [] }]);
});

const now = () => {
  const tree = live.read('App');
  return tree && toJson(tree);
};

test('a write is read at once, told by leaf, and stored with its writer', () => {
  const told: string[] = [];
  const stop = live.onChange(({ component, path }) => told.push(`${component}:${path.join('/')}`));
  live.onChange(() => {
    throw new Error('a listener that fails does not keep the others from it');
  });
  live.write({ component: 'App', path: ['nested'], value: { b: 3, c: [1] }, timestamp: created + minute, by: ipc });
  expect(now()).toEqual({ a: 1, nested: { b: 3, c: [1] } });
  expect(told).toEqual(['App:nested/b', 'App:nested/c']);
  stop();
  live.write({
    component: 'App',
    path: [],
    value: { a: 2 },
    timestamp: created + minute,
    by: { kind: 'local', by: 'me' },
  });
  expect(told).toHaveLength(2);
  expect(
    leavesOf(store.components().get('App')?.configuration ?? fromJson({}, 1, '')).map(({ leaf }) => leaf.source),
  ).toEqual(['local/me', 'ipc/App', 'ipc/App']);
});

test('case 24: a write that is older than what is there changes nothing', () => {
  const write = () =>
    live.write({ component: 'App', path: [], value: { a: 2, n: 1 }, timestamp: created - 1, by: ipc });
  expect(write).toThrow(Fault);
  expect(write).toThrow(/older than the config's latest modified timestamp: \/a/);
  expect(now()).toEqual({ a: 1, nested: { b: 2 } });
  expect(() => live.write({ component: 'None', path: [], value: {}, by: ipc })).toThrow(/no component None/);
});

test('a clock that is years ahead does not make a write win over the deployments of those years', () => {
  const year = 365 * 86_400_000;
  wall = created + 5 * year;
  cloudTime.observe(created + 10 * minute);
  live.write({ component: 'App', path: [], value: { a: 'ahead' }, timestamp: wall, by: ipc });
  live.write({ component: 'App', path: ['nested'], value: { b: 'ahead' }, by: ipc });
  for (const { leaf } of leavesOf(live.read('App') ?? fromJson({}, 1, ''))) {
    expect(leaf.timestamp).toBeLessThanOrEqual(created + 10 * minute);
  }
});

test('a deployment tells what it changed', () => {
  const before = new Map([['App', live.read('App') ?? fromJson({}, 1, '')]]);
  const told: string[] = [];
  live.onChange(({ component, path }) => told.push(`${component}:${path.join('/')}`));
  const configuration = fromJson({ a: 1, nested: { b: 9 } }, created + 1, 'deployment/d-2/x');
  store.replaceComponents([
    { name: 'App', version: '1.0.0', arn: '', configuration, isRoot: true, sources: [] },
    { name: 'New', version: '1.0.0', arn: '', configuration, isRoot: true, sources: [] },
  ]);
  live.replaced(before);
  expect(told).toEqual(['App:nested/b']);
});

test('case 8: a container that goes with all that is in it is told once, by its own path', () => {
  const deep = fromJson({ a: 1, outer: { inner: { b: 2, c: [3] } } }, created, 'deployment/d-1/x');
  const entry = { name: 'App', version: '1.0.0', arn: '', isRoot: true, sources: [] };
  store.replaceComponents([{ ...entry, configuration: deep }]);
  const told: string[] = [];
  live.onChange(({ path }) => told.push(path.join('/')));
  const before = new Map([['App', deep]]);
  store.replaceComponents([{ ...entry, configuration: fromJson({ a: 1 }, created + 1, 'deployment/d-2/x') }]);
  live.replaced(before);
  expect(told).toEqual(['outer']);
});
