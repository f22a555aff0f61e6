import { Fault, type JsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRecipe, parseArtifactUri, parseRecipe, type Recipe, recipeToJson } from './recipe.ts';

const minimal = (over: JsonObject = {}): JsonObject => ({
  RecipeFormatVersion: '2020-01-25',
  ComponentName: 'com.acme.Beacon',
  ComponentVersion: '1.0.0',
  Manifests: [{ Lifecycle: { Run: 'echo up' } }],
  ...over,
});
const parse = (over: JsonObject = {}) => parseRecipe(JSON.stringify(minimal(over)));

function refusal(text: string): Fault {
  try {
    parseRecipe(text);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('the recipe was accepted');
}
const refused = (over: JsonObject) => refusal(JSON.stringify(minimal(over), null, 2));

const full = `
# a comment
RecipeFormatVersion: 2020-01-25
ComponentName: com.acme.Beacon
ComponentVersion: 1.2.3-rc.1+b7
ComponentType: aws.greengrass.generic
ComponentDescription: Blinks.
ComponentPublisher: Acme
ComponentConfiguration:
  DefaultConfiguration:
    sampleSeconds: "30"
    sink: { host: localhost, ports: [9000, 9001] }
    none: null
ComponentDependencies:
  com.acme.Codec: { VersionRequirement: ">=1.4.0 <3.0.0", DependencyType: hard }
  com.acme.Metrics: { VersionRequirement: "^2.0.0", DependencyType: Soft }
  com.acme.Files: { VersionRequirement: 1.10 }
Manifests:
  - Name: pi
    Platform: { os: linux, architecture: /arm|aarch64/, chip: null }
    Selections: [pi, linux]
    Artifacts:
      - Uri: s3://acme/beacon/blink.zip
        Unarchive: zip
        Permission: { Execute: ALL }
      - Uri: docker:acme/beacon:1.0
  - Lifecycle:
      Run: |
        set -e
        echo "up"
Lifecycle:
  Run: { pi: ./blink, all: echo no }
`;

describe('parseRecipe', () => {
  test('reads every modelled key of a YAML recipe', () => {
    const recipe = parseRecipe(full);
    expect(recipe).toMatchObject({
      recipeFormatVersion: '2020-01-25',
      componentName: 'com.acme.Beacon',
      componentVersion: '1.2.3-rc.1+b7',
      componentType: 'aws.greengrass.generic',
      description: 'Blinks.',
      publisher: 'Acme',
      defaultConfiguration: { sampleSeconds: '30', sink: { host: 'localhost', ports: [9000, 9001] }, none: null },
      lifecycle: { Run: { pi: './blink', all: 'echo no' } },
    });
    expect([...recipe.dependencies]).toEqual([
      ['com.acme.Codec', { versionRequirement: '>=1.4.0 <3.0.0', dependencyType: 'HARD' }],
      ['com.acme.Metrics', { versionRequirement: '^2.0.0', dependencyType: 'SOFT' }],
      // as written: the number 1.1 would be another requirement
      ['com.acme.Files', { versionRequirement: '1.10', dependencyType: 'HARD' }],
    ]);
    const [first, second] = recipe.manifests;
    expect(first?.name).toBe('pi');
    expect([...(first?.platform ?? [])]).toEqual([
      ['os', 'linux'],
      ['architecture', '/arm|aarch64/'],
      ['chip', null],
    ]);
    expect(first?.selections).toEqual(['pi', 'linux']);
    expect(first?.artifacts[0]).toEqual({
      uri: 's3://acme/beacon/blink.zip',
      unarchive: 'ZIP',
      permission: { read: 'OWNER', execute: 'ALL' },
      digest: undefined,
      algorithm: undefined,
    });
    expect(second?.lifecycle).toEqual({ Run: 'set -e\necho "up"\n' });
  });

  test('modelled keys in any case give the same recipe, free-form maps keep theirs', () => {
    const lower = {
      recipeformatversion: '2020-01-25',
      componentNAME: 'com.acme.Beacon',
      COMPONENTVERSION: '1.0.0',
      mAnIfEsTs: [{ LIFECYCLE: { Run: 'echo up' } }],
    };
    expect(parseRecipe(JSON.stringify(lower))).toEqual(parse());
    const recipe = parse({
      ComponentConfiguration: { DefaultConfiguration: { aB: { Cd: 1 } } },
      Lifecycle: { RUN: 'x' },
    });
    expect(recipe.defaultConfiguration).toEqual({ aB: { Cd: 1 } });
    expect(recipe.lifecycle).toEqual({ RUN: 'x' });
  });

  test('unknown keys are ignored, null lists and maps are empty, defaults are filled in', () => {
    const recipe = parse({
      Unknown: 1,
      ComponentDependencies: null,
      ComponentConfiguration: null,
      Manifests: [{ Artifacts: null, Platform: null, Selections: null, Lifecycle: null, Dependencies: {} }],
    });
    expect(recipe.componentType).toBe('aws.greengrass.generic');
    expect(recipe.manifests[0]).toMatchObject({ artifacts: [], selections: [], lifecycle: {} });
    const [artifact] =
      parse({ Manifests: [{ Artifacts: [{ Uri: 'greengrass:a/b.bin', Permission: {} }] }] }).manifests[0]?.artifacts ??
      [];
    expect(artifact).toMatchObject({ unarchive: 'NONE', permission: { read: 'OWNER', execute: 'NONE' } });
  });

  test('a name of 128 characters is accepted', () => {
    expect(parse({ ComponentName: 'a'.repeat(128) }).componentName).toHaveLength(128);
    expect(parse({ ComponentVersion: '999999.999999.999999' }).componentVersion).toBe('999999.999999.999999');
  });

  test.each<[string, JsonObject, string, string]>([
    ['another format', { RecipeFormatVersion: '2021-01-25' }, 'RecipeFormatVersion', 'is not one of 2020-01-25'],
    ['no name', { ComponentName: null }, 'ComponentName', 'is required'],
    ['an empty name', { ComponentName: '' }, 'ComponentName', 'is empty'],
    ['a name of 129 characters', { ComponentName: 'a'.repeat(129) }, 'ComponentName', 'exceeds 128'],
    ['a name with a blank', { ComponentName: 'com acme' }, 'ComponentName', 'could only include'],
    ['no version', { ComponentVersion: null }, 'ComponentVersion', 'is required'],
    ['a short version', { ComponentVersion: '1.0' }, 'ComponentVersion', 'not a version'],
    ['a part above 999999', { ComponentVersion: '1000000.0.0' }, 'ComponentVersion', "can't exceed 6 digits"],
    ['a version of 65 characters', { ComponentVersion: `1.0.0-${'a'.repeat(59)}` }, 'ComponentVersion', 'exceeds 64'],
    ['an unknown type', { ComponentType: 'aws.greengrass.magic' }, 'ComponentType', 'is not one of'],
    ['a null manifest', { Manifests: [null] }, 'Manifests[0]', 'null element'],
    ['manifests that are no list', { Manifests: {} }, 'Manifests', 'must be a list'],
    ['a null artifact', { Manifests: [{ Artifacts: [null] }] }, 'Manifests[0].Artifacts[0]', 'null element'],
    ['an artifact without Uri', { Manifests: [{ Artifacts: [{}] }] }, 'Manifests[0].Artifacts[0].Uri', 'is required'],
    [
      'an http artifact',
      { Manifests: [{ Artifacts: [{ Uri: 'http://x/y' }] }] },
      'Manifests[0].Artifacts[0].Uri',
      'http: are not supported',
    ],
    [
      'a file artifact outside of a local deployment',
      { Manifests: [{ Artifacts: [{ Uri: 'file:///x/y' }] }] },
      'Manifests[0].Artifacts[0].Uri',
      'for local deployments only',
    ],
    [
      'an https artifact without a digest',
      { Manifests: [{ Artifacts: [{ Uri: 'https://x/y', Algorithm: 'SHA-256' }] }] },
      'Manifests[0].Artifacts[0].Digest',
      'is required',
    ],
    [
      'an https artifact with a digest of another length',
      { Manifests: [{ Artifacts: [{ Uri: 'https://x/y', Digest: 'abc=', Algorithm: 'SHA-256' }] }] },
      'Manifests[0].Artifacts[0].Digest',
      '44 characters',
    ],
    [
      'an https artifact with another hash',
      { Manifests: [{ Artifacts: [{ Uri: 'https://x/y', Digest: `${'A'.repeat(43)}=`, Algorithm: 'MD5' }] }] },
      'Manifests[0].Artifacts[0].Algorithm',
      'must be SHA-256',
    ],
    [
      'two artifacts with one file name',
      { Manifests: [{ Artifacts: [{ Uri: 's3://a/x/f.bin' }, { Uri: 's3://a/y/f.bin' }] }] },
      'Manifests[0].Artifacts[1].Uri',
      'also named f.bin',
    ],
    ['a text lifecycle', { Manifests: [{ Lifecycle: 'echo' }] }, 'Manifests[0].Lifecycle', 'must be an object'],
    ['a map-valued platform', { Manifests: [{ Platform: { os: {} } }] }, 'Manifests[0].Platform.os', 'must be text'],
    [
      'an unknown permission',
      { Manifests: [{ Artifacts: [{ Uri: 's3://a/f', Permission: { Read: 'ME' } }] }] },
      'Manifests[0].Artifacts[0].Permission.Read',
      'NONE, OWNER, ALL',
    ],
    [
      'a dependency without requirement',
      { ComponentDependencies: { x: {} } },
      'ComponentDependencies.x.VersionRequirement',
      'is required',
    ],
    ['a null dependency', { ComponentDependencies: { x: null } }, 'ComponentDependencies.x', 'must be an object'],
    [
      'a bad requirement',
      { ComponentDependencies: { x: { VersionRequirement: 'latest' } } },
      'ComponentDependencies.x.VersionRequirement',
      'not a version requirement',
    ],
    [
      'a bad dependency type',
      { ComponentDependencies: { x: { VersionRequirement: '*', DependencyType: 'FIRM' } } },
      'ComponentDependencies.x.DependencyType',
      'HARD, SOFT',
    ],
    [
      'a list as default configuration',
      { ComponentConfiguration: { DefaultConfiguration: [] } },
      'ComponentConfiguration.DefaultConfiguration',
      'must be an object',
    ],
  ])('refuses %s, naming the key', (_title, over, path, message) => {
    const fault = refused(over);
    expect(fault.code).toBe('RECIPE_PARSE_ERROR');
    expect(fault.context['path']).toBe(path);
    expect(fault.message).toContain(path);
    expect(fault.message).toContain(message);
  });

  test('a recipe without manifests has its own code', () => {
    expect(refused({ Manifests: [] }).code).toBe('RECIPE_MISSING_MANIFEST');
    expect(refused({ Manifests: null }).code).toBe('RECIPE_MISSING_MANIFEST');
  });

  test('errors name the line, in YAML and in JSON', () => {
    expect(refusal(full.replace('Execute: ALL', 'Execute: SOME')).context).toEqual({
      path: 'Manifests[0].Artifacts[0].Permission.Execute',
      line: 25,
    });
    const json =
      '{\n "RecipeFormatVersion": "2020-01-25",\n "ComponentName": "a",\n "ComponentVersion": "1.0.0",\n "Manifests": [\n  {},\n  {"Artifacts": 3}\n ]\n}';
    expect(refusal(json).context).toEqual({ path: 'Manifests[1].Artifacts', line: 7 });
    expect(refusal(json.replace('"Artifacts": 3', '"Selections": [1,\nnull]')).context).toEqual({
      path: 'Manifests[1].Selections[1]',
      line: 8,
    });
    expect(refusal('a: 1\nb: [').context['line']).toBe(2);
    expect(refusal('{"a": 1,\n "b": }').code).toBe('RECIPE_PARSE_ERROR');
  });

  test('a key given twice is refused, also when only the case of a modelled key differs', () => {
    expect(refusal('{"ComponentName": "a",\n"ComponentName": "b"}')).toMatchObject({
      context: { path: 'ComponentName', line: 2 },
    });
    expect(refusal('ComponentName: a\nComponentName: b\n').message).toBe(
      'ComponentName, line 2: the key appears twice',
    );
    expect(refusal('a:\n  - {x: 1,\n    "x": 2}\n').context).toEqual({ path: 'a[0].x', line: 3 });
    expect(refusal('{"ComponentName": "a", "componentname": "b"}').message).toContain('twice');
    expect(parse({ Lifecycle: { Run: 'a', run: 'b' } }).lifecycle).toEqual({ Run: 'a', run: 'b' });
  });

  test('aliases and merge keys are resolved, within bounds', () => {
    const yaml = 'RecipeFormatVersion: "2020-01-25"\nComponentName: a\nComponentVersion: 1.0.0\n';
    const recipe = parseRecipe(
      `${yaml}Manifests:\n- Lifecycle: &l { Run: a, Setenv: { A: "1" } }\n- Lifecycle: { <<: *l, Run: b }\n`,
    );
    expect(recipe.manifests[1]?.lifecycle).toEqual({ Run: 'b', Setenv: { A: '1' } });
    const bomb = [
      'a0: &a0 [x]',
      ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(12).fill(`*a${i}`)}]`),
    ];
    expect(refusal(bomb.join('\n')).code).toBe('RECIPE_PARSE_ERROR');
  });

  test.each([
    ['a custom tag', 'ComponentName: !js a'],
    ['a binary', 'ComponentName: !!binary aGk='],
    ['a scalar', 'hello'],
    ['a list', '[]'],
    ['nothing', ''],
    ['two documents', 'a: 1\n---\nb: 2'],
    ['a merge key without a map', 'a: { <<: 1 }'],
    ['an alias to nothing', 'a: *b'],
    ['infinity', 'ComponentName: .inf'],
    ['JSON nested too deep', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ['YAML nested too deep', `a: ${'['.repeat(5000)}${']'.repeat(5000)}`],
    ['half a megabyte and more', `# ${'x'.repeat(600_000)}`],
    ['fifty thousand keys, in no time', Array.from({ length: 50_000 }, (_, i) => `k${i}: 1`).join('\n')],
  ])('refuses %s with RECIPE_PARSE_ERROR', (_title, text) => {
    expect(refusal(text).code).toBe('RECIPE_PARSE_ERROR');
  });

  test('keys named like members of Object.prototype are only keys', () => {
    const json = JSON.stringify(
      minimal({ ComponentConfiguration: { DefaultConfiguration: { constructor: 1 } } }),
    ).replace('"constructor"', '"constructor":2,"__proto__"');
    const { defaultConfiguration } = parseRecipe(json);
    expect(Object.entries(defaultConfiguration)).toEqual([
      ['constructor', 2],
      ['__proto__', 1],
    ]);
    const yaml = formatRecipe(parseRecipe(json), 'YAML');
    expect(Object.entries(parseRecipe(yaml).defaultConfiguration)).toEqual(Object.entries(defaultConfiguration));
    expect(refusal('{"__proto__": {"ComponentName": "a"}}').message).toContain('RecipeFormatVersion');
  });

  test('any text is a recipe or a Fault', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((s) => full.replace('pi', s)),
        ),
        (text) => {
          try {
            parseRecipe(text);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          }
        },
      ),
    );
  });
});

const text = fc.string({ unit: 'binary', maxLength: 12 });
const script = fc.oneof(
  text,
  fc.constantFrom(
    'on',
    'No',
    '2020-01-25',
    '1.0',
    '0o7',
    '~',
    '<<',
    'a\nb\n',
    ' x\ny',
    'x \n',
    'a\r\nb',
    '\n\nx',
    'tab\there\n',
    '# no\n',
    'a\u2028b\n',
    '\ud800\n',
  ),
);
const freeForm = fc.dictionary(
  fc.oneof(text, fc.constantFrom('Run', 'on', '<<', '1', '__proto__')),
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      script,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(text, tie('value'), { maxKeys: 3 }),
    ),
  })).value,
  { maxKeys: 4 },
) as fc.Arbitrary<JsonObject>;

describe('formatRecipe', () => {
  test('writes the keys as AWS does', () => {
    expect(recipeToJson(parseRecipe(full))).toEqual({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'com.acme.Beacon',
      ComponentVersion: '1.2.3-rc.1+b7',
      ComponentType: 'aws.greengrass.generic',
      ComponentDescription: 'Blinks.',
      ComponentPublisher: 'Acme',
      ComponentConfiguration: {
        DefaultConfiguration: { sampleSeconds: '30', sink: { host: 'localhost', ports: [9000, 9001] }, none: null },
      },
      ComponentDependencies: {
        'com.acme.Codec': { VersionRequirement: '>=1.4.0 <3.0.0', DependencyType: 'HARD' },
        'com.acme.Metrics': { VersionRequirement: '^2.0.0', DependencyType: 'SOFT' },
        'com.acme.Files': { VersionRequirement: '1.10', DependencyType: 'HARD' },
      },
      Manifests: [
        {
          Name: 'pi',
          Platform: { os: 'linux', architecture: '/arm|aarch64/', chip: null },
          Lifecycle: {},
          Selections: ['pi', 'linux'],
          Artifacts: [
            { Uri: 's3://acme/beacon/blink.zip', Unarchive: 'ZIP', Permission: { Read: 'OWNER', Execute: 'ALL' } },
            { Uri: 'docker:acme/beacon:1.0', Unarchive: 'NONE', Permission: { Read: 'OWNER', Execute: 'NONE' } },
          ],
        },
        { Lifecycle: { Run: 'set -e\necho "up"\n' }, Artifacts: [] },
      ],
      Lifecycle: { Run: { pi: './blink', all: 'echo no' } },
    });
  });

  test('scripts stay readable in YAML, and text that looks like something else is quoted', () => {
    const yaml = formatRecipe(parseRecipe(full), 'YAML');
    expect(yaml).toContain('Run: |\n        set -e\n        echo "up"\n');
    expect(yaml).toContain('RecipeFormatVersion: "2020-01-25"');
  });

  test('what is written is read back as the same recipe, in both formats', () => {
    fc.assert(
      fc.property(
        freeForm,
        freeForm,
        fc.option(script, { nil: undefined }),
        (lifecycle, configuration, description) => {
          const recipe: Recipe = { ...parseRecipe(full), lifecycle, defaultConfiguration: configuration, description };
          expect(parseRecipe(formatRecipe(recipe, 'JSON'))).toEqual(recipe);
          expect(parseRecipe(formatRecipe(recipe, 'YAML'))).toEqual(recipe);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('parseArtifactUri', () => {
  test('reads the three schemes', () => {
    expect(parseArtifactUri('S3://bucket/a/b.c.zip')).toEqual({
      scheme: 's3',
      bucket: 'bucket',
      key: 'a/b.c.zip',
      fileName: 'b.c.zip',
    });
    expect(parseArtifactUri('greengrass:com.acme/1.0.0/f.bin')).toEqual({
      scheme: 'greengrass',
      artifactName: 'com.acme/1.0.0/f.bin',
      fileName: 'f.bin',
    });
    expect(parseArtifactUri('docker:1.dkr.ecr.eu-west-1.amazonaws.com/acme/v@sha256:0a')).toMatchObject({
      scheme: 'docker',
    });
  });

  test.each([
    ['', 'EMPTY_ARTIFACT_URI'],
    ['file.bin', 'EMPTY_ARTIFACT_SCHEME'],
    ['file:///x', 'UNSUPPORTED_ARTIFACT_SCHEME'],
    ['s3://bucket', 'S3_ARTIFACT_URI_NOT_VALID'],
    ['s3://bucket/dir/', 'S3_ARTIFACT_URI_NOT_VALID'],
    ['s3://bucket/..', 'S3_ARTIFACT_URI_NOT_VALID'],
    ['s3://bucket/a\\b', 'S3_ARTIFACT_URI_NOT_VALID'],
    ['greengrass:', 'ARTIFACT_URI_NOT_VALID'],
    ['docker:', 'DOCKER_ARTIFACT_URI_NOT_VALID'],
    ['docker:-v/x', 'DOCKER_ARTIFACT_URI_NOT_VALID'],
  ])('%s is refused with %s', (uri, code) => {
    expect(() => parseArtifactUri(uri)).toThrow(expect.objectContaining({ code }));
  });
});
