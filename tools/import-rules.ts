/**
 * Who may import whom. A file belongs to the first room whose path begins its own; what a room does not list, it may not
 * import. `ours` names rooms (a trailing `!type` allows `import type` only), `packages` third-party packages, `node` the
 * Node modules. Tests may import more: see `testExtras`.
 */
export interface Room {
  readonly name: string;
  /** Path below the project's root; a file or a folder. */
  readonly path: string;
  readonly ours: readonly string[];
  readonly packages?: readonly string[];
  /** Node modules; `*` for all. */
  readonly node?: readonly string[];
  /** True where the machine's time, chance and timers may be used directly. */
  readonly machine?: boolean;
  /** What to do instead of a refused import. */
  readonly instead: string;
}

const pure = ['kit'];
const shared = ['kit', 'model', 'protocol'];
const deviceShared = [...shared, 'mqtt/topic', 'device/platform', 'device/store', 'device/contracts!type'];

export const rooms: readonly Room[] = [
  {
    name: 'kit/node',
    path: 'packages/kit/src/node',
    ours: ['kit'],
    node: ['*'],
    machine: true,
    instead: 'kit knows no other package',
  },
  {
    name: 'kit',
    path: 'packages/kit/src',
    ours: [],
    instead: 'the pure entry of kit imports nothing; files and processes go to kit/node',
  },
  {
    name: 'model',
    path: 'packages/model/src',
    ours: [...pure, 'mqtt/topic'],
    packages: ['semver', 'yaml'],
    instead: 'model is pure: pass the value in',
  },
  {
    name: 'protocol',
    path: 'packages/protocol/src',
    ours: [...pure, 'model!type'],
    node: ['node:crypto', 'node:buffer', 'node:zlib'],
    instead: 'protocol has no I/O: pass the value in',
  },
  { name: 'mqtt/topic', path: 'packages/mqtt/src/topic', ours: pure, instead: 'topics are pure' },
  {
    name: 'mqtt/server',
    path: 'packages/mqtt/src/server',
    ours: ['kit', 'mqtt/topic'],
    packages: ['mqtt-packet'],
    node: ['*'],
    instead: 'the MQTT server knows nothing of Greengrass: use its callbacks',
  },
  {
    name: 'cloud/main',
    path: 'packages/cloud/src/main.ts',
    ours: ['cloud', 'kit', 'kit/node', 'model', 'protocol', 'mqtt/server'],
    packages: ['pino'],
    node: ['*'],
    machine: true,
    instead: 'main constructs, rooms work',
  },
  {
    name: 'cloud/start',
    path: 'packages/cloud/src/start.ts',
    ours: ['cloud', 'kit', 'kit/node', 'model', 'protocol', 'mqtt/server'],
    packages: ['pino'],
    node: ['*'],
    machine: true,
    instead: 'start constructs, rooms work',
  },
  {
    name: 'cloud/in-process',
    path: 'packages/cloud/src/in-process.ts',
    ours: ['cloud', 'kit', 'kit/node', 'model', 'protocol', 'mqtt/server!type'],
    node: ['node:path'],
    instead: 'in-process constructs, rooms work',
  },
  {
    name: 'cloud/settings',
    path: 'packages/cloud/src/settings.ts',
    ours: pure,
    node: ['node:path'],
    instead: 'settings are values',
  },
  {
    name: 'cloud/domain',
    path: 'packages/cloud/src/domain',
    ours: shared,
    instead: 'domain is pure: give it the record',
  },
  {
    name: 'cloud/ports',
    path: 'packages/cloud/src/ports',
    ours: ['kit!type', 'cloud/domain!type', 'protocol!type'],
    instead: 'ports hold interfaces only',
  },
  {
    name: 'cloud/app',
    path: 'packages/cloud/src/app',
    ours: [...shared, 'cloud/domain', 'cloud/ports'],
    node: ['node:crypto'],
    instead: 'take it through a port',
  },
  {
    name: 'cloud/http',
    path: 'packages/cloud/src/http',
    ours: [...shared, 'cloud/app', 'cloud/domain', 'cloud/ports'],
    packages: ['fastify'],
    node: ['*'],
    instead: 'call the app',
  },
  {
    name: 'cloud/mqtt',
    path: 'packages/cloud/src/mqtt',
    ours: [...shared, 'cloud/app', 'cloud/domain', 'cloud/ports', 'mqtt/server', 'mqtt/topic'],
    instead: 'call the app',
  },
  {
    name: 'cloud/tasks',
    path: 'packages/cloud/src/tasks',
    ours: ['kit', 'model', 'cloud/app', 'cloud/domain', 'cloud/ports'],
    instead: 'call the app or a port',
  },
  {
    name: 'cloud/adapters',
    path: 'packages/cloud/src/adapters',
    ours: [...shared, 'kit/node', 'cloud/app', 'cloud/domain', 'cloud/ports'],
    packages: ['kysely', 'pg', '@peculiar/x509', 'reflect-metadata'],
    node: ['*'],
    instead: 'an adapter implements a port and knows no other room',
  },
  {
    name: 'device/main',
    path: 'packages/device/src/main.ts',
    ours: ['device', 'kit', 'kit/node', 'model', 'protocol'],
    node: ['*'],
    machine: true,
    instead: 'main constructs, rooms work',
  },
  {
    name: 'device/main',
    path: 'packages/device/src/service-notifier.ts',
    ours: ['kit'],
    node: ['node:child_process'],
    instead: 'main constructs, rooms work',
  },
  {
    name: 'device/main',
    path: 'packages/device/src/explain-main.ts',
    ours: ['device', 'kit', 'model'],
    node: ['*'],
    machine: true,
    instead: 'main constructs, rooms work',
  },
  {
    name: 'device/nucleus',
    path: 'packages/device/src/nucleus.ts',
    ours: ['device', 'kit', 'model', 'protocol'],
    node: ['node:path'],
    instead: 'nucleus only connects rooms',
  },
  {
    name: 'device/cases',
    path: 'packages/device/src/cases.ts',
    ours: [],
    node: ['node:fs', 'node:path'],
    instead: 'it reads tests, and runs none',
  },
  {
    name: 'device/nucleus',
    path: 'packages/device/src/own-configuration.ts',
    ours: ['device', 'kit', 'model', 'protocol'],
    instead: 'nucleus only connects rooms',
  },
  {
    name: 'device/contracts',
    path: 'packages/device/src/lifecycle/lifecycle.ts',
    ours: shared,
    instead: 'a contract holds types only',
  },
  {
    name: 'device/contracts',
    path: 'packages/device/src/uplink/uplink.ts',
    ours: shared,
    instead: 'a contract holds types only',
  },
  {
    name: 'device/contracts',
    path: 'packages/device/src/uplink/data-plane.ts',
    ours: shared,
    instead: 'a contract holds types only',
  },
  {
    name: 'device/contracts',
    path: 'packages/device/src/components/components.ts',
    ours: shared,
    instead: 'a contract holds types only',
  },
  {
    name: 'device/contracts',
    path: 'packages/device/src/deployment/runtime-builds.ts',
    ours: shared,
    instead: 'a contract holds types only',
  },
  {
    name: 'device/launch',
    path: 'packages/device/src/launch',
    ours: [...deviceShared, 'kit/node'],
    // A build that a deployment brought is no module of the project.
    packages: ['<computed>'],
    node: ['*'],
    instead: 'the launcher knows no room but the contract of builds',
  },
  {
    name: 'device/contracts',
    path: 'packages/device/src/configuration/device-config.ts',
    ours: shared,
    instead: 'a contract holds types only',
  },
  {
    name: 'device/linux',
    path: 'packages/device/src/platform/linux',
    ours: ['kit', 'kit/node', 'device/platform'],
    node: ['*'],
    instead: 'a platform knows only its interface',
  },
  {
    name: 'device/fake',
    path: 'packages/device/src/platform/fake',
    ours: ['kit', 'device/platform'],
    node: ['node:path'],
    instead: 'a platform knows only its interface',
  },
  {
    name: 'device/platform',
    path: 'packages/device/src/platform',
    ours: pure,
    instead: 'the interface names no platform',
  },
  {
    name: 'device/store',
    path: 'packages/device/src/store',
    ours: shared,
    node: ['node:sqlite', 'node:path'],
    instead: 'the store knows no other room',
  },
  {
    name: 'device/lifecycle',
    path: 'packages/device/src/lifecycle',
    ours: [...deviceShared, 'kit/node'],
    node: ['*'],
    instead: 'use platform.ts, or take it through a port',
  },
  {
    name: 'device/uplink',
    path: 'packages/device/src/uplink',
    ours: deviceShared,
    packages: ['mqtt', 'mqtt-packet'],
    node: ['*'],
    instead: 'take it through a port',
  },
  {
    name: 'device/components',
    path: 'packages/device/src/components',
    ours: [...deviceShared, 'kit/node'],
    packages: ['yauzl'],
    node: ['*'],
    instead: 'take it through a port',
  },
  {
    name: 'device/configuration',
    path: 'packages/device/src/configuration',
    ours: deviceShared,
    packages: ['yaml'],
    node: ['node:path'],
    instead: 'take it through a port',
  },
  {
    name: 'device/credentials',
    path: 'packages/device/src/credentials',
    ours: deviceShared,
    node: ['node:crypto', 'node:http'],
    instead: 'take it through a port',
  },
  {
    name: 'device/builtin',
    path: 'packages/device/src/builtin',
    ours: deviceShared,
    instead: 'take it through a port',
  },
  {
    name: 'device/deployment',
    path: 'packages/device/src/deployment',
    ours: deviceShared,
    node: ['node:path'],
    instead: 'take it through a port',
  },
  {
    name: 'device/ipc',
    path: 'packages/device/src/ipc',
    ours: [...deviceShared, 'kit/node'],
    node: ['*'],
    instead: 'take it through a port',
  },
  { name: 'device/status', path: 'packages/device/src/status', ours: deviceShared, instead: 'take it through a port' },
  {
    name: 'cli',
    path: 'packages/cli/src',
    ours: ['kit', 'kit/node', 'model', 'protocol'],
    packages: ['commander', 'esbuild', 'yaml'],
    node: ['*'],
    machine: true,
    instead: 'the cli uses the cloud over its APIs and starts mains as child processes',
  },
  {
    name: 'simulator/main',
    path: 'packages/simulator/src/main.ts',
    ours: ['simulator', 'kit', 'kit/node'],
    node: ['*'],
    machine: true,
    instead: 'main constructs, rooms work',
  },
  {
    name: 'simulator/forecast',
    path: 'packages/simulator/src/forecast',
    ours: [...shared, 'simulator/behaviour'],
    instead: 'a forecast is pure: pass the value in',
  },
  {
    name: 'simulator/behaviour',
    path: 'packages/simulator/src/behaviour',
    ours: pure,
    instead: 'behaviour is pure: pass the value in',
  },
  {
    name: 'simulator/fleet',
    path: 'packages/simulator/src/fleet',
    ours: ['kit', 'protocol', 'simulator/behaviour'],
    node: ['*'],
    instead: 'a simulated device knows only the protocol',
  },
  {
    name: 'testkit',
    path: 'packages/testkit/src',
    ours: ['*'],
    packages: ['*'],
    node: ['*'],
    machine: true,
    instead: '',
  },
  { name: 'tests', path: 'tests', ours: ['*'], packages: ['*'], node: ['*'], machine: true, instead: '' },
  { name: 'tools', path: 'tools', ours: ['*'], packages: ['*'], node: ['*'], machine: true, instead: '' },
];

/** What a test beside the code may import besides its room's own list. */
export const testExtras = {
  ours: [
    'kit',
    'kit/node',
    'model',
    'protocol',
    'mqtt/topic',
    'mqtt/server',
    'cloud',
    'device',
    'simulator',
    'testkit',
  ],
  packages: ['vitest', 'fast-check', 'mqtt', 'mqtt-packet', 'yaml', '@smithy/', '@aws-sdk/', 'semver', 'fastify'],
};

/** Which room an entry of a workspace package belongs to. */
export function roomOfEntry(specifier: string): string {
  const [, name = '', entry = ''] = specifier.split('/');
  if (name === 'kit') return entry === 'node' ? 'kit/node' : 'kit';
  if (name === 'mqtt') return entry === 'server' ? 'mqtt/server' : 'mqtt/topic';
  return name;
}
