import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type ConfigurationTree, fromJson, toJson } from '@greensward/model/configuration';
import { HandTimers } from '@greensward/testkit/hand-timers';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DeviceStore, groupMs, openDeviceStore } from './device-store.ts';
import type { ComponentSet, SetEntry } from './records.ts';
import { readComponents } from './store-reader.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let timers: HandTimers;
let store: DeviceStore;

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'device.db');
  timers = new HandTimers();
  store = openDeviceStore(file, { timers });
  store.replaceComponents([entry('A'), entry('B')]);
});
afterEach(() => {
  store.close();
  folder.remove();
});

const value = (n: number) => fromJson({ n }, n, 'ipc/A');
function entry(name: string): SetEntry {
  return { name, version: '1.0.0', arn: '', configuration: value(0), isRoot: true, sources: [] };
}
const numbers = (set: ComponentSet) => [...set.values()].map(({ configuration }) => toJson(configuration)['n']);

/** What a power cut at this moment leaves. */
function onDisk(): unknown {
  const copy = join(folder.path, 'copy.db');
  for (const end of ['', '-wal']) writeFileSync(`${copy}${end}`, readFileSync(`${file}${end}`));
  return numbers(readComponents(copy));
}

describe('configurations that are written outside of deployments', () => {
  test('are read at once and come to disk together', async () => {
    for (let n = 1; n <= 50; n++) store.putConfiguration('A', value(n));
    store.putConfiguration('B', value(7));
    expect(numbers(store.components())).toEqual([50, 7]);
    expect(onDisk()).toEqual([0, 0]);
    await timers.pass(groupMs);
    expect(onDisk()).toEqual([50, 7]);
  });

  test('come to disk with the next step of a deployment, before what that step writes', () => {
    store.putConfiguration('A', value(3));
    store.transaction(() => {
      expect(numbers(store.components())).toEqual([3, 0]);
      store.next('x');
    });
    expect(onDisk()).toEqual([3, 0]);
  });

  test('are kept when that step fails', async () => {
    store.putConfiguration('A', value(3));
    expect(() =>
      store.transaction(() => {
        store.replaceComponents([entry('A')]);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(numbers(store.components())).toEqual([3, 0]);
    await timers.pass(groupMs);
    expect(onDisk()).toEqual([3, 0]);
  });

  test('do not come over a set that replaced them', async () => {
    store.putConfiguration('A', value(3));
    store.transaction(() => store.replaceComponents([entry('A')]));
    expect(numbers(store.components())).toEqual([0]);
    await timers.pass(groupMs);
    expect(onDisk()).toEqual([0]);
  });

  test('are on disk when the store is closed', () => {
    store.putConfiguration('A', value(4));
    store.close();
    expect(numbers(readComponents(file))).toEqual([4, 0]);
    store = openDeviceStore(file, { timers });
  });

  test('merging, applying and rolling back is the identity on all that is stored', async () => {
    store.putConfiguration('A', value(9));
    await timers.pass(groupMs);
    const before = store.components();
    store.transaction(() => store.replaceComponents([{ ...entry('A'), overruled: [] }, entry('C')]));
    store.transaction(() => store.replaceComponents(before.values()));
    const after: ComponentSet = store.components();
    expect(after).toEqual(before);
    const tree: ConfigurationTree | undefined = after.get('A')?.configuration;
    expect(tree).toEqual(value(9));
  });
});

describe('the store of a device that runs', () => {
  test('can be read beside it, and is not changed by that', () => {
    store.transaction(() => store.replaceComponents([entry('Seen')]));
    expect([...readComponents(file).keys()]).toEqual(['Seen']);
    store.transaction(() => store.replaceComponents([entry('Later')]));
    expect([...readComponents(file).keys()]).toEqual(['Later']);
  });

  test('is named when it is not there or no store', () => {
    expect(() => readComponents(join(folder.path, 'none.db'))).toThrow(/has the device run here/);
    const other = join(folder.path, 'other.db');
    new DatabaseSync(other).close();
    writeFileSync(other, 'no database at all'.repeat(100));
    expect(() => readComponents(other)).toThrow(/cannot be read/);
  });
});
