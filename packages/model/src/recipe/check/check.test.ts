import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRecipe } from '../recipe.ts';

const header = 'RecipeFormatVersion: "2020-01-25"\nComponentName: com.acme.Beacon\nComponentVersion: 1.0.0\n';

/** `severity line path: message`, one a finding. */
function told(text: string): string[] {
  return checkRecipe(text).findings.map(
    ({ severity, line, path, message }) => `${severity} ${line} ${path}: ${message}`,
  );
}
const only = (text: string) => {
  const [finding, ...more] = told(header + text);
  expect(more).toEqual([]);
  return finding;
};

describe('a checked recipe', () => {
  test('of nothing but what the format has is told nothing', () => {
    const { recipe, findings } = checkRecipe(`${header}
ComponentConfiguration: { DefaultConfiguration: { host: localhost, list: [1] } }
ComponentDependencies:
  com.acme.Codec: { VersionRequirement: ^1.0.0 }
Manifests:
  - Name: pi
    Platform: { os: linux, architecture: /arm|aarch64/, com.acme.Chip: any, runtime: "*" }
    Selections: [pi]
    Artifacts: [{ Uri: s3://b/k.zip, Unarchive: ZIP, Permission: { Read: ALL } }]
  - Platform: { os: windows }
    Lifecycle: {}
  - {}
Lifecycle:
  Setenv: { HOST: "{configuration:/host}", FIRST: "{configuration:/list/0}" }
  Install: { Script: { pi: a, all: b }, Skipif: onpath x, Timeout: "60", RequiresPrivilege: "true" }
  Run: "{artifacts:decompressedPath}/k/run {com.acme.Codec:configuration:/any} {work:path} {configuration:}"
`);
    expect(findings).toEqual([]);
    expect(recipe?.componentName).toBe('com.acme.Beacon');
  });

  test('is told every mistake of form, each with its line, in the order of the lines', () => {
    const yaml = `RecipeFormatVersion: "2020-01-26"
ComponentName: com acme
ComponentVersion: "1.0"
ComponentDependencies:
  a: { VersionRequirement: latest }
  b: { DependencyType: FIRM, VersionRequirement: "*" }
Manifests:
  - Platform: { os: linux }
    Artifacts:
      - Unarchive: RAR
        Uri: s3://a/b
      - Uri: ftp://a/b
  - Platform:
      os: { a: b }
Lifecycle: text
`;
    const lines = told(yaml);
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      'error 1 RecipeFormatVersion',
      'error 2 ComponentName',
      'error 3 ComponentVersion',
      'error 5 ComponentDependencies.a.VersionRequirement',
      'error 6 ComponentDependencies.b.DependencyType',
      'error 10 Manifests[0].Artifacts[0].Unarchive',
      'error 12 Manifests[0].Artifacts[1].Uri',
      'error 14 Manifests[1].Platform.os',
      'error 15 Lifecycle',
    ]);
    expect(lines[0]).toBe('error 1 RecipeFormatVersion: "2020-01-26" is not one of 2020-01-25');
    expect(checkRecipe(yaml).recipe).toBeUndefined();
  });

  test('in JSON has the same places', () => {
    const json = `{ "RecipeFormatVersion": "2020-01-25", "ComponentName": "a", "ComponentVersion": "1.0.0",
  "Manifests": [
    { "Selections": [ "x",
        null ] },
    { "Lifecycle": { "Run": "{configuration:key}" },
      "Platfrom": {} } ] }`;
    expect(told(json).map((line) => line.split(': ')[0])).toEqual([
      'error 4 Manifests[0].Selections[1]',
      'warning 5 Manifests[1]',
      'error 5 Manifests[1].Lifecycle.Run',
      'warning 6 Manifests[1].Platfrom',
    ]);
  });

  test('without what it must have is told so at its first line, or that of the nearest key', () => {
    expect(told('\n# nothing\nManifests: [{ Artifacts: [{}] }]').map((line) => line.split(': ').slice(0, 2))).toEqual([
      ['error 3 RecipeFormatVersion', 'is required'],
      ['error 3 ComponentName', 'is required'],
      ['error 3 ComponentVersion', 'is required'],
      ['error 3 Manifests[0].Artifacts[0].Uri', 'is required'],
    ]);
    expect(told(header)).toEqual(['error 1 Manifests: the recipe of com.acme.Beacon-1.0.0 is missing manifests']);
  });

  test.each([
    ['not YAML', 'a: [', 'error 1 :'],
    [
      'a key given twice',
      `${header}Manifests:\n- Lifecycle: { Run: a }\n  Lifecycle: {}`,
      'error 6 Manifests[0].Lifecycle:',
    ],
    ['no object', '[]', 'error 1 : a recipe is an object'],
  ])('that cannot be read (%s) is told why', (_title, text, start) => {
    const [finding, ...more] = told(text);
    expect(finding?.startsWith(start)).toBe(true);
    expect(more).toEqual([]);
  });

  test('any text is answered', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void checkRecipe(header + text)));
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void checkRecipe(text)));
  });
});

describe('an extension is told as such:', () => {
  const digest = `${'A'.repeat(43)}=`;
  test('https: with its digest, and TAR', () => {
    const artifact = `{ Uri: https://h/a.tgz, Unarchive: TAR, Digest: ${digest}, Algorithm: SHA-256 }`;
    expect(told(`${header}Manifests:\n- Artifacts:\n  - ${artifact}`)).toEqual([
      'extension 6 Manifests[0].Artifacts[0].Uri: artifacts of scheme https: are an extension',
      'extension 6 Manifests[0].Artifacts[0].Unarchive: TAR is an extension; ZIP is not',
    ]);
  });
});

describe('a warning is for', () => {
  test.each([
    ['an unknown key', 'Manifests: [{}]\nPublisher: x', 'warning 5 Publisher: is not a key'],
    [
      'an unknown key of a dependency',
      'Manifests: [{}]\nComponentDependencies: { a: { VersionRequirement: "*", Type: HARD } }',
      'warning 5 ComponentDependencies.a.Type',
    ],
    ['a component type', 'Manifests: [{}]\nComponentType: aws.greengrass.plugin', 'warning 5 ComponentType'],
    ['a source that is no function', 'Manifests: [{}]\nComponentSource: here', 'warning 5 ComponentSource'],
    [
      'a manifest behind one that accepts all',
      'Manifests:\n- Platform: { os: "*" }\n- Platform: { os: linux }',
      'warning 6 Manifests[1]: no device gets here',
    ],
    [
      'an os in capitals',
      'Manifests: [{ Platform: { os: Linux } }]',
      'warning 4 Manifests[0].Platform.os: Linux is the os of no device',
    ],
    [
      'reserved syntax',
      'Manifests: [{ Platform: { os: "!linux" } }]',
      'warning 4 Manifests[0].Platform.os: "!linux" matches nothing',
    ],
    [
      'a pattern that cannot be used',
      'Manifests: [{ Platform: { os: /(/ } }]',
      'warning 4 Manifests[0].Platform.os: /(/ matches nothing',
    ],
    [
      'an image without the docker manager',
      'Manifests: [{ Artifacts: [{ Uri: docker:alpine }] }]',
      'warning 4 Manifests[0].Artifacts[0].Uri: a device loads this image only when aws.greengrass.DockerApplicationManager',
    ],
    [
      'a variable in a URI',
      'Manifests: [{ Artifacts: [{ Uri: "s3://b/{iot:thingName}/k" }] }]',
      'warning 4 Manifests[0].Artifacts[0].Uri: variables are not',
    ],
    [
      'a digest by hand',
      'Manifests: [{ Artifacts: [{ Uri: s3://b/k, Digest: abc, Algorithm: SHA-256 }] }]',
      'warning 4 Manifests[0].Artifacts[0].Digest: is replaced',
    ],
    [
      'a global lifecycle that is ignored',
      'Manifests: [{ Lifecycle: { Run: a } }]\nLifecycle: { Run: b }',
      'warning 4 Manifests[0].Lifecycle: this manifest has',
    ],
    ['selections that select nothing', 'Manifests: [{ Selections: [a] }]\nLifecycle: { b: { Run: x } }', 'warning'],
    [
      'a section for nobody',
      'Manifests: [{ Selections: [a] }]\nLifecycle: { Run: { a: x, b: y } }',
      'warning 5 Lifecycle.Run.b: is dropped',
    ],
    [
      'a selection in another case',
      'Manifests: [{}]\nLifecycle: { Run: { All: x, all: y } }',
      'warning 5 Lifecycle.Run.All: is not the selection all',
    ],
    [
      'a step nobody knows',
      'Manifests: [{ Lifecycle: { Start: a } }]',
      'warning 4 Manifests[0].Lifecycle.Start: is not a step',
    ],
    [
      'a key of a step nobody knows',
      'Manifests: [{ Lifecycle: { Run: { Script: a, User: b } } }]',
      'warning 4 Manifests[0].Lifecycle.Run.User',
    ],
    [
      'keys that differ in case',
      'Manifests: [{ Lifecycle: { Run: a, run: b } }]',
      'warning 4 Manifests[0].Lifecycle.run: is the same key as Run',
    ],
    [
      'a Run beside a Startup',
      'Manifests: [{ Lifecycle: { Startup: a, Run: b } }]',
      'warning 4 Manifests[0].Lifecycle.Run: never runs',
    ],
    [
      'a spelling of true that is none',
      'Manifests: [{ Lifecycle: { Run: { Script: a, RequiresPrivilege: "True" } } }]',
      'warning 4 Manifests[0].Lifecycle.Run.RequiresPrivilege: "True" counts as false',
    ],
    [
      'BootstrapOnRollback elsewhere',
      'Manifests: [{ Lifecycle: { Run: { Script: a, BootstrapOnRollback: true } } }]',
      'warning 4 Manifests[0].Lifecycle.Run.BootstrapOnRollback',
    ],
    [
      'a pointer to nothing',
      'Manifests: [{ Lifecycle: { Run: "{configuration:/port}" } }]',
      'warning 4 Manifests[0].Lifecycle.Run: {configuration:/port} is not in the default',
    ],
    [
      'a variable nobody knows',
      'Manifests: [{ Lifecycle: { Run: "{aws:region}" } }]',
      'warning 4 Manifests[0].Lifecycle.Run: {aws:region} is no variable',
    ],
    [
      'a stranger',
      'Manifests: [{ Lifecycle: { Run: "{com.acme.X:work:path}" } }]',
      'warning 4 Manifests[0].Lifecycle.Run: {com.acme.X:work:path} names com.acme.X',
    ],
    [
      'a variable in a configuration',
      'Manifests: [{}]\nComponentConfiguration: { DefaultConfiguration: { a: "{work:path}" } }',
      'warning 5 ComponentConfiguration.DefaultConfiguration.a: {work:path} is replaced here only',
    ],
    [
      'an underscore',
      'Manifests: [{}]\nComponentConfiguration: { DefaultConfiguration: { _a: 1 } }',
      'warning 5 ComponentConfiguration.DefaultConfiguration._a',
    ],
  ])('%s', (_title, text, start) => {
    expect(only(text)).toContain(start);
  });

  test('a version that can only be a dependency', () => {
    expect(told(`${header.replace('1.0.0', '1.0.0-1')}Manifests: [{}]`)).toEqual([
      expect.stringContaining('warning 3 ComponentVersion: a version whose tag'),
    ]);
  });

  test('a private image without its two dependencies', () => {
    const image = 'docker:111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/vision:3.1';
    expect(told(`${header}Manifests: [{ Artifacts: [{ Uri: "${image}" }] }]`)).toEqual([
      expect.stringContaining('aws.greengrass.DockerApplicationManager'),
      expect.stringContaining('aws.greengrass.TokenExchangeService'),
    ]);
  });
});

describe('an error is', () => {
  test.each([
    ['a step without a script', '{ Run: { Timeout: 5 } }', 'Run.Script: the step has no Script'],
    ['a step that is a list', '{ Run: [a] }', 'Run: the step is neither'],
    ['a bad Skipif', '{ Install: { Script: a, Skipif: test -f x } }', 'Install.Skipif: the Skipif'],
    ['a timeout that is no number', '{ Run: { Script: a, Timeout: soon } }', 'Run.Timeout: "soon" is no number'],
    ['a pointer without a slash', '{ Run: "{configuration:port}" }', 'Run: {configuration:port} has a JSON pointer'],
  ])('%s', (_title, lifecycle, message) => {
    expect(only(`Manifests: [{ Lifecycle: ${lifecycle} }]`)).toContain(`error 4 Manifests[0].Lifecycle.${message}`);
    // In a section of the global lifecycle as well.
    const [finding] = told(`${header}Manifests: [{}]\nLifecycle:\n  all: ${lifecycle}`);
    expect(finding).toContain(`error 6 Lifecycle.all.${message}`);
  });

  test('an artifact under a name that only the cloud gives', () => {
    expect(only('Manifests: [{ Artifacts: [{ Uri: greengrass:a/b }] }]')).toContain(
      'the cloud writes greengrass: itself',
    );
  });
});
