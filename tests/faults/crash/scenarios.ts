import { createHash } from 'node:crypto';
import type { JsonObject } from '@greensward/kit';
import { makeTar } from '../../../packages/device/src/components/testing/tar.ts';
import { makeZip } from '../../../packages/device/src/components/testing/zip.ts';
import { group, type Published } from './scripted-cloud.ts';

const archive = makeZip([{ name: 'n', data: '0.3\n' }]);
const tape = makeTar([
  { name: 'm/', flag: '5' },
  { name: 'm/n', data: '0.4\n' },
  { name: 'five', data: '0.5\n' },
  { name: 'again', flag: '1', target: 'five' },
]);

/** A deployment, and what has to come of it wherever it is interrupted. */
export interface Scenario {
  readonly name: string;
  readonly document: JsonObject;
  /** On a device that was never started. Absent: on one that runs what `before` deploys. */
  readonly isFirst?: true;
  /** The cloud takes it back when the device begins to load its artifacts. */
  readonly isCancelled?: true;
  /**
   * Interrupted only from where the journal holds this stage: until there it is what another scenario is. Absent: from the start of
   * the runtime.
   */
  readonly from?: string;
  /** How it ends; what runs then: `name version` of the set, and the arguments of each component's process. */
  readonly expected: {
    readonly status: 'SUCCEEDED' | 'FAILED' | 'CANCELED';
    readonly detailedStatus: string;
    readonly set: readonly string[];
    readonly processes: readonly string[];
  };
}

/** The set that every scenario begins with, as a deployment made it. */
export const before: Scenario = {
  name: 'before',
  document: document(1, { App: {}, Gone: {} }, { App: '1.0.0', Gone: '1.0.0' }),
  expected: {
    status: 'SUCCEEDED',
    detailedStatus: 'SUCCESSFUL',
    set: ['App 1.0.0', 'Gone 1.0.0'],
    processes: ['sleep 3600 0.1 0.1', 'sleep 3600 0.9'],
  },
};

const next = document(2, { App: { configurationUpdate: { merge: { n: 0.7 } } } }, { App: '2.0.0' });

/** The smallest that changes a component: every point of it is visited. */
const small: Scenario = {
  name: 'small',
  document: document(2, { App: {}, Gone: {} }, { App: '4.0.0', Gone: '1.0.0' }),
  from: 'QUEUED',
  expected: {
    ...before.expected,
    set: ['App 4.0.0', 'Gone 1.0.0'],
    processes: ['sleep 3600 0.6', 'sleep 3600 0.9'],
  },
};

/** A component changes its version, files and configuration, one comes as a dependency, one goes. */
const success: Scenario = {
  name: 'success',
  document: next,
  expected: {
    status: 'SUCCEEDED',
    detailedStatus: 'SUCCESSFUL',
    set: ['App 2.0.0', 'Lib 1.0.0'],
    processes: [`sleep 3600 0.2 0.7 0.3 0.4 0.5 0.5 ${archive.length + tape.length}`, 'sleep 3600 0.8'],
  },
};

const rollback: Scenario = {
  name: 'rollback',
  document: document(2, { App: {} }, { App: '3.0.0' }),
  from: 'APPLYING',
  expected: { ...before.expected, status: 'FAILED', detailedStatus: 'FAILED_ROLLBACK_COMPLETE' },
};

const cancel: Scenario = {
  name: 'cancel',
  document: next,
  isCancelled: true,
  from: 'PREPARING',
  expected: { ...before.expected, status: 'CANCELED', detailedStatus: '' },
};

/** Both components have steps that the runtime runs before any component, one of which has it start again. */
const bootstrap: Scenario = {
  name: 'bootstrap',
  document: document(2, { App: {}, Gone: {} }, { App: '5.0.0', Gone: '2.0.0' }),
  from: 'BOOTSTRAPPING',
  expected: {
    ...before.expected,
    set: ['App 5.0.0', 'Gone 2.0.0'],
    processes: ['sleep 3600 0.61', 'sleep 3600 0.62'],
  },
};

/** The first deployment of a device that was never started. */
const first: Scenario = { ...before, name: 'first', isFirst: true };

export const scenarios: readonly Scenario[] = [small, success, rollback, cancel, bootstrap, first];

const sizes = [1, 2, 3, 4, 5, 6, 7, 8];

/** Too many points to visit each. */
export const large: Scenario = {
  name: 'large',
  document: document(
    2,
    Object.fromEntries([
      ...sizes.map((size) => [`Part${size}`, {}]),
      ['App', { configurationUpdate: { merge: { n: 0.7 } } }],
    ]),
    { App: '2.0.0', ...Object.fromEntries(sizes.map((size) => [`Part${size}`, '1.0.0'])) },
  ),
  expected: {
    status: 'SUCCEEDED',
    detailedStatus: 'SUCCESSFUL',
    set: ['App 2.0.0', 'Lib 1.0.0', ...sizes.map((size) => `Part${size} 1.0.0`)],
    processes: [...success.expected.processes, ...sizes.map((size) => `sleep 3600 0.0${size}`)],
  },
};

function document(
  revision: number,
  components: Readonly<Record<string, JsonObject>>,
  versions: Record<string, string>,
) {
  return {
    deploymentId: `d-${revision}`,
    configurationArn: `arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/${group}:${revision}`,
    creationTimestamp: 1_000_000 + revision,
    components: Object.fromEntries(
      Object.entries(components).map(([name, more]) => [name, { version: versions[name] ?? '', ...more }]),
    ),
  };
}

/** Runs until it is ended; its arguments are what the component was started with. */
const serve = (...numbers: string[]) => `#!/bin/sh\nexec sleep 3600 ${numbers.join(' ')} "$@"\n`;

export const published: readonly Published[] = [
  component('App', '1.0.0', `exec {artifacts:path}/serve.sh {configuration:/n}`, { 'serve.sh': serve('0.1') }),
  component(
    'App',
    '2.0.0',
    'exec {artifacts:path}/serve.sh {configuration:/n} $(cd {artifacts:decompressedPath} && cat zip/n tar/m/n tar/five tar/again) $(cat {artifacts:path}/zip.zip {artifacts:path}/tar.tar | wc -c)',
    {
      'serve.sh': serve('0.2'),
      'zip.zip': archive,
      'tar.tar': tape,
    },
    { ComponentDependencies: { Lib: { VersionRequirement: '1.0.0', DependencyType: 'SOFT' } } },
  ),
  component('App', '3.0.0', 'exit 1'),
  component('App', '4.0.0', 'exec {artifacts:path}/serve.sh', { 'serve.sh': serve('0.6') }),
  component('App', '5.0.0', { Bootstrap: 'exit 100', Run: 'exec sleep 3600 0.61' }),
  component('Gone', '1.0.0', 'exec sleep 3600 0.9'),
  component('Gone', '2.0.0', { Bootstrap: 'exit 0', Run: 'exec sleep 3600 0.62' }),
  component('Lib', '1.0.0', 'exec {artifacts:path}/serve.sh', { 'serve.sh': serve('0.8') }),
  ...sizes.map((size) =>
    component(`Part${size}`, '1.0.0', 'exec {artifacts:path}/serve.sh', { 'serve.sh': serve(`0.0${size}`) }),
  ),
];

function component(
  name: string,
  version: string,
  run: string | JsonObject,
  files: Readonly<Record<string, string | Buffer>> = {},
  more: JsonObject = {},
): Published {
  const artifacts = new Map(Object.entries(files).map(([file, data]) => [file, Buffer.from(data)]));
  const Artifacts = [...artifacts].map(([file, data]) => ({
    Uri: `greengrass:${file}`,
    Digest: createHash('sha256').update(data).digest('base64'),
    Algorithm: 'SHA-256',
    ...(file.endsWith('.sh') ? { Permission: { Execute: 'OWNER' } } : {}),
    ...(/\.(zip|tar)$/.test(file) ? { Unarchive: file.slice(-3).toUpperCase() } : {}),
  }));
  const recipe = {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: name,
    ComponentVersion: version,
    ComponentConfiguration: { DefaultConfiguration: { n: 0.1 } },
    Manifests: [{ Lifecycle: typeof run === 'string' ? { Run: run } : run, Artifacts }],
    ...more,
  };
  return { recipe, artifacts };
}
