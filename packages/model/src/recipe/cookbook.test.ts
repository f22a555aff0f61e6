// What authors write, whole recipes from their text to the steps of a device. The numbers are those of the mini recipes that the
// format is described by.
import type { JsonObject } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { interpolateLifecycle } from '../interpolate/interpolate.ts';
import {
  checkRecipe,
  effectiveLifecycle,
  lifecycleSteps,
  parseArtifactUri,
  type Recipe,
  selectManifest,
} from './recipe.ts';

const linux = { os: 'linux', architecture: 'amd64' };

interface Around {
  readonly attributes?: Readonly<Record<string, string>>;
  /** Over the default configuration. */
  readonly configuration?: JsonObject;
  readonly dependencies?: Readonly<Record<string, JsonObject>>;
  /** What `recipe check` has to say. */
  readonly findings?: readonly string[];
}

const variables = (name: string, configuration: JsonObject) => ({
  configuration,
  artifactsPath: `/gg/artifacts/${name}`,
  decompressedPath: `/gg/unarchived/${name}`,
  workPath: `/gg/work/${name}`,
});

/** The recipe of `body`, and what a device makes of it. */
function on(body: string, around: Around = {}) {
  const text = body.startsWith('{')
    ? body
    : `RecipeFormatVersion: "2020-01-25"\nComponentName: org.plant.It\nComponentVersion: "1.0.0"\n${body}`;
  const { recipe, findings } = checkRecipe(text);
  expect(findings.map(({ severity, path }) => `${severity} ${path}`)).toEqual(around.findings ?? []);
  if (recipe === undefined) throw new Error('it is no recipe');
  const manifest = selectManifest(recipe, around.attributes ?? linux);
  if (manifest === undefined) throw new Error('no manifest fits');
  const { value, unresolved } = interpolateLifecycle(effectiveLifecycle(recipe, manifest), {
    own: variables('it', { ...recipe.defaultConfiguration, ...around.configuration }),
    dependencies: new Map(
      Object.entries(around.dependencies ?? {}).map(([name, configuration]) => [name, variables(name, configuration)]),
    ),
    kernelRootPath: '/gg',
    thingName: 'core-1',
  });
  expect(unresolved).toEqual([]);
  return { recipe, manifest, steps: lifecycleSteps(value) };
}

describe('a recipe of the cookbook', () => {
  test('recipe 1: a job that runs once, with arguments from its configuration', () => {
    const body = `
ComponentConfiguration: { DefaultConfiguration: { folder: /data, most: "100" } }
Manifests:
  - Platform: { os: linux }
    Artifacts: [{ Uri: "s3://plant/it/1.0.0/load.py", Permission: { Read: ALL } }]
    Lifecycle: { Run: 'python3 {artifacts:path}/load.py "{configuration:/folder}" {configuration:/most}' }`;
    const { steps, manifest } = on(body);
    expect(steps.run).toMatchObject({
      script: 'python3 /gg/artifacts/it/load.py "/data" 100',
      timeoutSeconds: undefined,
    });
    expect(manifest.artifacts[0]?.permission).toEqual({ read: 'ALL', execute: 'NONE' });
    expect(on(body, { configuration: { most: 5 } }).steps.run?.script).toMatch(/ 5$/);
  });

  test('recipe 2: a daemon whose configuration is in no step does not change with it', () => {
    const body = `
ComponentConfiguration: { DefaultConfiguration: { level: 1 } }
Manifests: [{ Lifecycle: { Run: { Script: "exec {artifacts:path}/daemon", Setenv: { LOG: info }, RequiresPrivilege: false } } }]`;
    const { steps } = on(body);
    expect(steps.run).toMatchObject({ script: 'exec /gg/artifacts/it/daemon', requiresPrivilege: false });
    expect([...(steps.run?.setenv ?? [])]).toEqual([['LOG', 'info']]);
    expect(on(body, { configuration: { level: 2 } }).steps).toEqual(steps);
  });

  test('recipe 3: a service that is started, stopped and repaired by commands', () => {
    const { steps } = on(`
Manifests:
  - Lifecycle:
      Startup: { Script: service it start, RequiresPrivilege: true, Timeout: 60 }
      Shutdown: { Script: service it stop, RequiresPrivilege: true, Timeout: 30 }
      Recover: { Script: service it reset, RequiresPrivilege: true }`);
    expect(
      [steps.startup, steps.shutdown, steps.recover].map((step) => [step?.requiresPrivilege, step?.timeoutSeconds]),
    ).toEqual([
      [true, 60],
      [true, 30],
      [true, 60],
    ]);
    expect(steps.run).toBeUndefined();
  });

  test('recipe 4: an installation that is skipped once it was done', () => {
    const { steps } = on(`
Manifests:
  - Lifecycle:
      Install:
        Skipif: exists {work:path}/.done
        Timeout: 600
        Script: |
          set -e
          touch {work:path}/.done`);
    expect(steps.install).toMatchObject({
      skipif: { test: 'exists', operand: '/gg/work/it/.done', negated: false },
      timeoutSeconds: 600,
    });
    expect(steps.install?.script.trim()).toBe('set -e\ntouch /gg/work/it/.done');
  });

  test('recipe 5: an archive, whose folder is its name without the extension', () => {
    const { steps, manifest } = on(`
Manifests:
  - Artifacts: [{ Uri: "s3://plant/web/site.zip", Unarchive: ZIP, Permission: { Read: ALL, Execute: OWNER } }]
    Lifecycle: { Run: "{artifacts:decompressedPath}/site/serve {artifacts:decompressedPath}/site" }`);
    expect(steps.run?.script).toBe('/gg/unarchived/it/site/serve /gg/unarchived/it/site');
    expect(manifest.artifacts[0]).toMatchObject({ unarchive: 'ZIP', permission: { read: 'ALL', execute: 'OWNER' } });
  });

  test('recipe 6: a library without steps, read by another component', () => {
    const library = on('Manifests: [{ Artifacts: [{ Uri: "s3://plant/colours.json", Permission: { Read: ALL } }] }]');
    expect(Object.values(library.steps).filter((step) => typeof step === 'object' && step && 'script' in step)).toEqual(
      [],
    );
    const { steps } = on(
      `
ComponentDependencies: { org.plant.Colours: { VersionRequirement: ^1.0.0 } }
Manifests: [{ Lifecycle: { Run: "show {org.plant.Colours:artifacts:path}/colours.json" } }]`,
      { dependencies: { 'org.plant.Colours': {} } },
    );
    expect(steps.run?.script).toBe('show /gg/artifacts/org.plant.Colours/colours.json');
  });

  test("recipe 7: an environment from a dependency's configuration", () => {
    const body = `
ComponentDependencies: { org.plant.Broker: { VersionRequirement: ^1.0.0 } }
Manifests:
  - Lifecycle:
      Setenv: { URL: "tcp://{org.plant.Broker:configuration:/host}:{org.plant.Broker:configuration:/port}" }
      Run: ./client`;
    const url = (port: number) =>
      on(body, { dependencies: { 'org.plant.Broker': { host: 'h', port } } }).steps.setenv.get('URL');
    expect([url(1883), url(8883)]).toEqual(['tcp://h:1883', 'tcp://h:8883']);
  });

  test('recipe 8: a bootstrap that may ask for a reboot', () => {
    const { steps } = on(`
Manifests:
  - Lifecycle:
      Bootstrap:
        RequiresPrivilege: true
        Timeout: 900
        BootstrapOnRollback: false
        Script: |
          test -f {work:path}/new && exit 0
          exit 101`);
    expect(steps.bootstrap).toMatchObject({ requiresPrivilege: true, timeoutSeconds: 900, bootstrapOnRollback: false });
    expect(steps.bootstrap?.script).toContain('/gg/work/it/new');
  });

  test('recipe 9: a container of a private registry, with the two components it needs', () => {
    const image = '444455556666.dkr.ecr.eu-central-1.amazonaws.com/plant/eye:2';
    const { manifest, recipe } = on(`
ComponentDependencies:
  aws.greengrass.DockerApplicationManager: { VersionRequirement: ~2.0.0 }
  aws.greengrass.TokenExchangeService: { VersionRequirement: ~2.0.0 }
Manifests:
  - Platform: { os: linux, architecture: /amd64|aarch64/ }
    Artifacts: [{ Uri: "docker:${image}" }]
    Lifecycle: { Run: "docker run --rm --name eye ${image}", Shutdown: docker stop eye }`);
    expect(parseArtifactUri(manifest.artifacts[0]?.uri ?? '')).toEqual({ scheme: 'docker', image });
    expect([...recipe.dependencies.values()].map(({ dependencyType }) => dependencyType)).toEqual(['HARD', 'HARD']);
  });

  test('recipe 10: JSON, one lifecycle for two systems by selections in each step', () => {
    const json = JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'org.plant.It',
      ComponentVersion: '0.2.0-beta.3',
      Manifests: [
        { Name: 'w', Platform: { os: 'windows' }, Selections: ['w'] },
        { Name: 'u', Platform: { os: '/linux|darwin/' }, Selections: ['u'] },
      ],
      Lifecycle: {
        Run: {
          w: { Script: 'it.exe', RequiresPrivilege: true },
          u: { Script: './it', Timeout: '3600' },
        },
        Shutdown: { all: 'echo bye' },
      },
    });
    expect(on(json).steps).toMatchObject({
      run: { script: './it', timeoutSeconds: 3600, requiresPrivilege: false },
      shutdown: { script: 'echo bye' },
    });
    expect(on(json, { attributes: { os: 'windows' } }).steps).toMatchObject({
      run: { script: 'it.exe', requiresPrivilege: true },
      shutdown: { script: 'echo bye' },
    });
  });

  test('recipe 11: the whole configuration as an argument', () => {
    const { steps } = on(`Manifests: [{ Lifecycle: { Run: "node it.js '{configuration:}'" } }]`, {
      configuration: { b: [1, { d: 1, c: 2 }], a: 'x' },
    });
    expect(steps.run?.script).toBe(`node it.js '{"a":"x","b":[1,{"c":2,"d":1}]}'`);
  });

  test('recipe 12: AWS credentials are a dependency', () => {
    const { recipe } = on(`
ComponentDependencies: { aws.greengrass.TokenExchangeService: { VersionRequirement: ^2.0.0, DependencyType: HARD } }
Manifests: [{ Lifecycle: { Run: aws s3 ls } }]`);
    expect(recipe.dependencies.get('aws.greengrass.TokenExchangeService')?.dependencyType).toBe('HARD');
  });

  test('recipe 13: what is to be done when the component is removed', () => {
    const { steps } = on(`
Manifests:
  - Lifecycle:
      Run: ./serve
      Uninstall: { Script: "rm -rf /var/lib/it", RequiresPrivilege: true, Timeout: 30 }`);
    expect(steps.uninstall).toMatchObject({ requiresPrivilege: true, timeoutSeconds: 30 });
  });

  test('recipe 14: manifests that share nothing, each with its own program', () => {
    const body = `
Manifests:
  - Platform: { os: linux, architecture: arm, architecture.detail: armv7l }
    Lifecycle: { Run: "{artifacts:path}/it-armv7" }
    Artifacts: [{ Uri: "s3://plant/it-armv7", Permission: { Execute: OWNER } }]
  - Platform: { os: linux, architecture: amd64 }
    Lifecycle: { Run: "{artifacts:path}/it-amd64" }
    Artifacts: [{ Uri: "s3://plant/it-amd64", Permission: { Execute: OWNER } }]`;
    const run = (attributes: Readonly<Record<string, string>>) => on(body, { attributes }).steps.run?.script;
    expect(run({ os: 'linux', architecture: 'arm', 'architecture.detail': 'armv7l' })).toBe(
      '/gg/artifacts/it/it-armv7',
    );
    expect(run(linux)).toBe('/gg/artifacts/it/it-amd64');
    expect(() => run({ os: 'linux', architecture: 'arm', 'architecture.detail': 'armv6l' })).toThrow(
      'no manifest fits',
    );
  });
});

test('a recipe for both runtimes names runtime: "*", one for the other one only its name', () => {
  const chosen = (recipe: Recipe | undefined) => recipe && selectManifest(recipe, linux)?.name;
  const of = (manifests: string) =>
    checkRecipe(`RecipeFormatVersion: "2020-01-25"\nComponentName: a\nComponentVersion: 1.0.0\nManifests: ${manifests}`)
      .recipe;
  expect(chosen(of('[{ Name: both, Platform: { os: linux, runtime: "*" } }]'))).toBe('both');
  expect(chosen(of('[{ Name: lite, Platform: { os: linux, runtime: aws_nucleus_lite } }]'))).toBeUndefined();
});
