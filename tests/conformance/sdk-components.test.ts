import { createHash } from 'node:crypto';
import {
  CreateComponentVersionCommand,
  DeleteComponentCommand,
  DescribeComponentCommand,
  GetComponentCommand,
  GetComponentVersionArtifactCommand,
  ListComponentsCommand,
  ListComponentVersionsCommand,
  ListTagsForResourceCommand,
  paginateListComponents,
  paginateListComponentVersions,
  ResolveComponentCandidatesCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-greengrassv2';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type ConformanceCloud, refusalOf, simpleRecipe, startConformanceCloud } from './conformance-cloud.ts';

const arnOf = (name: string) => `arn:aws:greengrass:us-east-1:000000000000:components:${name}`;
const versionArnOf = (name: string, version = '1.0.0') => `${arnOf(name)}:versions:${version}`;

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
  await under.s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
});

afterAll(() => under.stop());

const create = (text: string | Uint8Array, more: { clientToken?: string; tags?: Record<string, string> } = {}) =>
  under.greengrass.send(new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(text), ...more }));
const describeComponent = (arn: string) => under.greengrass.send(new DescribeComponentCommand({ arn }));
const remove = (arn: string) => under.greengrass.send(new DeleteComponentCommand({ arn }));

async function recipeOf(arn: string, recipeOutputFormat?: 'JSON' | 'YAML') {
  const answer = await under.greengrass.send(
    new GetComponentCommand({ arn, ...(recipeOutputFormat === undefined ? {} : { recipeOutputFormat }) }),
  );
  return {
    format: answer.recipeOutputFormat,
    text: Buffer.from(answer.recipe ?? []).toString('utf8'),
    tags: answer.tags,
  };
}

describe('a component version', () => {
  const content = 'echo "what the artifact says: grüß dich"\n';
  const digest = createHash('sha256').update(content).digest('base64');
  const yaml = `---
RecipeFormatVersion: "2020-01-25"
ComponentName: com.example.Full
ComponentVersion: 1.2.3
ComponentDescription: "Says: grüß dich"
ComponentPublisher: Greensward
ComponentDependencies:
  com.example.Other: { VersionRequirement: "^1.0.0", DependencyType: SOFT }
ComponentConfiguration:
  DefaultConfiguration: { big: 12345678901, text: "a: b", list: [1, null, true] }
Manifests:
  - Name: Linux machines
    Platform: { os: linux, architecture: /amd64|aarch64/ }
    Artifacts:
      - { Uri: "s3://artifacts/full/run me.sh", Permission: { Execute: ALL }, Digest: wrong, Algorithm: SHA-256 }
    Lifecycle: { Run: "sh '{artifacts:path}/run me.sh'" }
`;

  beforeAll(async () => {
    await under.s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'full/run me.sh', Body: content }));
  });

  test('is created from a YAML recipe whose artifact an S3 client uploaded, and becomes DEPLOYABLE', async () => {
    const made = await create(yaml, { tags: { team: 'blue', empty: '' } });
    expect(made).toMatchObject({
      arn: versionArnOf('com.example.Full', '1.2.3'),
      componentName: 'com.example.Full',
      componentVersion: '1.2.3',
      status: { message: 'NONE', errors: {} },
      $metadata: { httpStatusCode: 201 },
    });
    expect(['REQUESTED', 'DEPLOYABLE']).toContain(made.status?.componentState);
    expect(made.creationTimestamp).toBeInstanceOf(Date);
    expect(await describeComponent(made.arn ?? '')).toMatchObject({
      componentName: 'com.example.Full',
      componentVersion: '1.2.3',
      description: 'Says: grüß dich',
      publisher: 'Greensward',
      status: { componentState: 'DEPLOYABLE', message: 'NONE' },
      platforms: [{ name: 'Linux machines', attributes: { os: 'linux', architecture: '/amd64|aarch64/' } }],
      tags: { team: 'blue', empty: '' },
    });
  });

  test('is read back as YAML or JSON, the digest of the artifact filled in', async () => {
    const arn = versionArnOf('com.example.Full', '1.2.3');
    const asUploaded = await recipeOf(arn);
    expect(asUploaded.format).toBe('YAML');
    const json = await recipeOf(arn, 'JSON');
    expect(json).toMatchObject({ format: 'JSON', tags: { team: 'blue' } });
    const recipe = JSON.parse(json.text);
    expect(recipe).toEqual(parse((await recipeOf(arn, 'YAML')).text));
    expect(recipe).toMatchObject({
      ComponentDescription: 'Says: grüß dich',
      ComponentDependencies: { 'com.example.Other': { VersionRequirement: '^1.0.0', DependencyType: 'SOFT' } },
      ComponentConfiguration: { DefaultConfiguration: { big: 12345678901, text: 'a: b', list: [1, null, true] } },
      Manifests: [{ Artifacts: [{ Uri: 's3://artifacts/full/run me.sh', Digest: digest, Algorithm: 'SHA-256' }] }],
    });
  });

  test('is the same by the literal and by the encoded ARN in the path', async () => {
    const arn = versionArnOf('com.example.Full', '1.2.3');
    const literal = await under.raw({ method: 'GET', path: `/greengrass/v2/components/${arn}/metadata` });
    const encoded = await under.raw({
      method: 'GET',
      path: `/greengrass/v2/components/${encodeURIComponent(arn)}/metadata`,
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(literal.status).toBe(200);
    expect(encoded.json).toEqual(literal.json);
  });

  test('is read back from JSON as YAML with the same content', async () => {
    await under.s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'a.txt', Body: 'a' }));
    const recipe = simpleRecipe('com.example.AsJson', '1.0.0', {
      Manifests: [{ Artifacts: [{ Uri: 's3://artifacts/a.txt' }] }],
    });
    const arn = await under.publish(recipe);
    expect((await recipeOf(arn)).format).toBe('JSON');
    const [artifact] = parse((await recipeOf(arn, 'YAML')).text).Manifests[0].Artifacts;
    expect(artifact).toMatchObject({
      Uri: 's3://artifacts/a.txt',
      Algorithm: 'SHA-256',
      Digest: createHash('sha256').update('a').digest('base64'),
    });
  });

  test('can be created only once, and anew after it was deleted', async () => {
    const arn = await under.publish(simpleRecipe('com.example.Once'));
    const again = await refusalOf(under.publish(simpleRecipe('com.example.Once')));
    expect(again).toMatchObject({ name: 'ConflictException', status: 409, error: { resourceType: 'component' } });
    expect(again.message).toContain('already exists');
    expect((await remove(arn)).$metadata.httpStatusCode).toBe(204);
    expect(await refusalOf(recipeOf(arn))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect(await refusalOf(remove(arn))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect(await under.publish(simpleRecipe('com.example.Once'))).toBe(arn);
  });

  test('is created once by two calls with the same client token', async () => {
    const recipe = JSON.stringify(simpleRecipe('com.example.Token'));
    const [first, second] = [
      await create(recipe, { clientToken: 'tok-1' }),
      await create(recipe, { clientToken: 'tok-1' }),
    ];
    expect(second).toMatchObject({ arn: first.arn, creationTimestamp: first.creationTimestamp });
  });

  test('gives a pre-signed URL for an artifact', async () => {
    const arn = versionArnOf('com.example.Full', '1.2.3');
    const resolved = await under.greengrass.send(
      new ResolveComponentCandidatesCommand({
        platform: { attributes: { os: 'linux', architecture: 'amd64' } },
        componentCandidates: [{ componentName: 'com.example.Full', versionRequirements: { 'thinggroup/x': '*' } }],
      }),
    );
    const recipe = JSON.parse(Buffer.from(resolved.resolvedComponentVersions?.[0]?.recipe ?? []).toString('utf8'));
    const [, artifactName = ''] = String(recipe.Manifests[0].Artifacts[0].Uri).match(/^greengrass:(.+)$/) ?? [];
    const { preSignedUrl } = await under.greengrass.send(new GetComponentVersionArtifactCommand({ arn, artifactName }));
    expect(preSignedUrl).toMatch(new RegExp(`^https://[^/]+:${under.cloud.devicePort}/`));
    const missing = under.greengrass.send(
      new GetComponentVersionArtifactCommand({ arn, artifactName: 'dir/no/file.zip' }),
    );
    expect(await refusalOf(missing)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  });

  test('outlives the object it was made from', async () => {
    const read = await under.s3.send(new GetObjectCommand({ Bucket: 'artifacts', Key: 'full/run me.sh' }));
    expect(await read.Body?.transformToString()).toBe(content);
  });
});

describe('component versions are listed', () => {
  const name = 'com.example.Many';

  beforeAll(async () => {
    for (const version of ['1.9.0', '1.10.0', '1.10.0-rc.1']) await under.publish(simpleRecipe(name, version));
  });

  test('highest first, prereleases below their release', async () => {
    const answer = await under.greengrass.send(new ListComponentVersionsCommand({ arn: arnOf(name) }));
    expect(answer.componentVersions?.map((version) => version.componentVersion)).toEqual([
      '1.10.0',
      '1.10.0-rc.1',
      '1.9.0',
    ]);
    expect(answer.nextToken).toBeUndefined();
  });

  test('page by page', async () => {
    const seen: (string | undefined)[] = [];
    const pages = paginateListComponentVersions({ client: under.greengrass, pageSize: 1 }, { arn: arnOf(name) });
    for await (const page of pages)
      seen.push(...(page.componentVersions ?? []).map((version) => version.componentVersion));
    expect(seen).toEqual(['1.10.0', '1.10.0-rc.1', '1.9.0']);
  });

  test('as none for an unknown component', async () => {
    const answer = await under.greengrass.send(new ListComponentVersionsCommand({ arn: arnOf('com.example.Nobody') }));
    expect(answer.componentVersions).toEqual([]);
  });

  test('by component with the highest version as the latest', async () => {
    const found = new Map<string | undefined, string | undefined>();
    for await (const page of paginateListComponents({ client: under.greengrass, pageSize: 2 }, {})) {
      for (const component of page.components ?? [])
        found.set(component.componentName, component.latestVersion?.componentVersion);
    }
    expect(found.get(name)).toBe('1.10.0');
    const all = await under.greengrass.send(new ListComponentsCommand({ scope: 'PRIVATE', maxResults: 100 }));
    expect(all.components?.map((component) => component.componentName)).toEqual([...found.keys()]);
  });

  test('of the public ones as those of AWS, each described by its ARN', async () => {
    const found = new Map<string | undefined, string | undefined>();
    for await (const page of paginateListComponents({ client: under.greengrass, pageSize: 3 }, { scope: 'PUBLIC' })) {
      for (const { componentName, latestVersion } of page.components ?? [])
        found.set(componentName, latestVersion?.arn);
    }
    expect([...found.keys()]).toEqual(
      [
        ...['Cli', 'DockerApplicationManager', 'LogManager', 'Nucleus', 'SecretManager', 'ShadowManager'],
        ...['TokenExchangeService', 'clientdevices.Auth'],
      ].map((each) => `aws.greengrass.${each}`),
    );
    for (const [componentName, arn = ''] of found) {
      expect(arn).toMatch(/^arn:aws:greengrass:us-east-1:aws:components:aws\.greengrass\./);
      expect(await describeComponent(arn)).toMatchObject({ arn, componentName, publisher: 'AWS' });
      const { recipe = [] } = await under.greengrass.send(new GetComponentCommand({ arn, recipeOutputFormat: 'JSON' }));
      expect(JSON.parse(Buffer.from(recipe).toString('utf8'))).toMatchObject({ ComponentName: componentName });
    }
    const versions = await under.greengrass.send(
      new ListComponentVersionsCommand({ arn: 'arn:aws:greengrass:us-east-1:aws:components:aws.greengrass.Nucleus' }),
    );
    expect(versions.componentVersions?.length).toBeGreaterThan(5);
    expect(versions.componentVersions?.[0]?.arn).toBe(found.get('aws.greengrass.Nucleus'));
  });
});

describe('a component version is refused', () => {
  const changed = (more: Readonly<Record<string, unknown>>) =>
    JSON.stringify({ ...simpleRecipe('com.example.Bad'), ...more });

  test.each([
    ['is neither JSON nor YAML', '{ "a": [ }', 'CANNOT_PARSE'],
    ['is not UTF-8', Buffer.from([0xff, 0xfe, 0x00]), 'CANNOT_PARSE'],
    ['is a list', '[]', undefined],
    ['is of another format version', changed({ RecipeFormatVersion: '2021-01-01' }), undefined],
    ['has no name', changed({ ComponentName: undefined }), undefined],
    ['has a name with a slash', changed({ ComponentName: 'a/b' }), undefined],
    ['has the version 1.0', changed({ ComponentVersion: '1.0' }), undefined],
    ['has the version 1.0.0.0', changed({ ComponentVersion: '1.0.0.0' }), undefined],
    ['has the version v1.0.0', changed({ ComponentVersion: 'v1.0.0' }), undefined],
    ['has the version 1.0.1000000', changed({ ComponentVersion: '1.0.1000000' }), undefined],
    ['has a dependency without a range', changed({ ComponentDependencies: { A: {} } }), undefined],
    ['has a range that is none', changed({ ComponentDependencies: { A: { VersionRequirement: 'x y z' } } }), undefined],
    [
      'has a default configuration that is no object',
      changed({ ComponentConfiguration: { DefaultConfiguration: [1] } }),
      undefined,
    ],
    ['has an artifact without URI', changed({ Manifests: [{ Artifacts: [{}] }] }), undefined],
    ['is larger than 16 KB', changed({ ComponentDescription: 'x'.repeat(16 * 1024) }), undefined],
    [
      'has an artifact that is not in its bucket',
      changed({ Manifests: [{ Artifacts: [{ Uri: 's3://artifacts/nothing' }] }] }),
      undefined,
    ],
  ])('whose recipe %s', async (_what, recipe, reason) => {
    const refusal = await refusalOf(create(recipe));
    expect(refusal).toMatchObject({ name: 'ValidationException', status: 400 });
    if (reason !== undefined) expect(refusal.error['reason']).toBe(reason);
    const listed = await under.greengrass.send(new ListComponentVersionsCommand({ arn: arnOf('com.example.Bad') }));
    expect(listed.componentVersions).toEqual([]);
  });

  test('whose artifact is missing, by its URI', async () => {
    const refusal = await refusalOf(
      create(changed({ Manifests: [{ Artifacts: [{ Uri: 's3://artifacts/nothing' }] }] })),
    );
    expect(refusal.message).toContain('s3://artifacts/nothing = Specified artifact resource cannot be accessed');
  });

  test('with a recipe that is not base64', async () => {
    const answer = await under.raw({
      method: 'POST',
      path: '/greengrass/v2/createComponentVersion',
      body: '{"inlineRecipe":"%%%"}',
    });
    expect(answer).toMatchObject({
      status: 400,
      errorType: 'ValidationException',
      json: { fields: [{ name: 'inlineRecipe' }] },
    });
  });

  test('with neither a recipe nor a Lambda function, and with both', async () => {
    const lambdaFunction = { lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:1' };
    for (const input of [{}, { inlineRecipe: Buffer.from(changed({})), lambdaFunction }]) {
      const call = under.greengrass.send(new CreateComponentVersionCommand(input));
      expect(await refusalOf(call)).toMatchObject({ name: 'ValidationException', status: 400 });
    }
  });

  test('for a Lambda function that names $LATEST', async () => {
    const lambdaFunction = { lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST' };
    const call = under.greengrass.send(new CreateComponentVersionCommand({ lambdaFunction }));
    expect(await refusalOf(call)).toMatchObject({ name: 'ValidationException', status: 400 });
  });

  test('but not for a prerelease with build metadata', async () => {
    const arn = await under.publish(simpleRecipe('com.example.Pre', '1.0.0-alpha+b1'));
    expect((await describeComponent(arn)).componentVersion).toBe('1.0.0-alpha+b1');
  });

  test('when it is described by an ARN without version', async () => {
    expect(await refusalOf(describeComponent(arnOf('com.example.Many')))).toMatchObject({
      name: 'ValidationException',
      status: 400,
    });
    const unknown = await refusalOf(describeComponent(versionArnOf('com.example.Nobody')));
    expect(unknown).toMatchObject({
      name: 'ResourceNotFoundException',
      status: 404,
      error: { resourceType: 'component' },
    });
  });

  test('when a public one is to be deleted', async () => {
    const arn = 'arn:aws:greengrass:us-east-1:aws:components:aws.greengrass.Cli:versions:2.12.0';
    expect(await refusalOf(remove(arn))).toMatchObject({ name: 'AccessDeniedException', status: 403 });
  });
});

describe('candidates are resolved', () => {
  const resolve = (
    componentName: string,
    versionRequirements: Record<string, string>,
    attributes: Record<string, string> = { os: 'linux', architecture: 'amd64' },
  ) =>
    under.greengrass.send(
      new ResolveComponentCandidatesCommand({
        platform: { attributes },
        componentCandidates: [{ componentName, versionRequirements }],
      }),
    );

  beforeAll(async () => {
    for (const version of ['1.0.0', '1.2.0', '1.3.0']) await under.publish(simpleRecipe('com.example.Ranges', version));
    await under.publish(
      simpleRecipe('com.example.OnWindows', '1.0.0', { Manifests: [{ Platform: { os: 'windows' } }] }),
    );
    await under.publish(simpleRecipe('com.example.AnyOs', '1.0.0', { Manifests: [{ Platform: { os: '*' } }] }));
    await under.publish(
      simpleRecipe('com.example.OnArm', '1.0.0', { Manifests: [{ Platform: { architecture: '/(arm|aarch64)/' } }] }),
    );
    await under.publish(simpleRecipe('aws.greengrass.Cli', '9.0.0'));
  });

  test('to the one version in all ranges, with its recipe as JSON', async () => {
    const { resolvedComponentVersions = [] } = await resolve('com.example.Ranges', {
      A: '>=1.0.0 <2.0.0',
      B: '==1.2.0',
    });
    expect(resolvedComponentVersions).toMatchObject([
      { componentName: 'com.example.Ranges', componentVersion: '1.2.0' },
    ]);
    const recipe = JSON.parse(Buffer.from(resolvedComponentVersions[0]?.recipe ?? []).toString('utf8'));
    expect(recipe).toMatchObject({ ComponentName: 'com.example.Ranges', ComponentVersion: '1.2.0' });
  });

  test.each([
    ['ranges that do not overlap', 'com.example.Ranges', { A: '<1.2.0', B: '>1.2.0' }, 'no usable version'],
    ['an unknown component', 'com.example.Nobody', { A: '*' }, 'no usable version'],
    ['another platform', 'com.example.OnWindows', { A: '*' }, 'claim platform'],
    ['another architecture', 'com.example.OnArm', { A: '*' }, 'claim platform'],
  ] as const)('not for %s', async (_what, name, ranges, words) => {
    const refusal = await refusalOf(resolve(name, ranges));
    expect(refusal).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect(refusal.message).toContain(words);
  });

  test.each([
    ['a wildcard', 'com.example.AnyOs', 'amd64'],
    ['a regular expression', 'com.example.OnArm', 'aarch64'],
    ['a private component of a public name', 'aws.greengrass.Cli', 'amd64'],
  ])('by %s', async (_what, name, architecture) => {
    const answer = await resolve(name, { A: '*' }, { os: 'linux', architecture });
    expect(answer.resolvedComponentVersions).toHaveLength(1);
  });
});

describe('tags of a component version', () => {
  test('are added, listed, removed, and gone with it', async () => {
    const resourceArn = await under.publish(simpleRecipe('com.example.Tagged'));
    const tags = async () => (await under.greengrass.send(new ListTagsForResourceCommand({ resourceArn }))).tags ?? {};
    expect(await tags()).toEqual({});
    await under.greengrass.send(new TagResourceCommand({ resourceArn, tags: { a: '1', 'b c': '2', d: '' } }));
    await under.greengrass.send(new TagResourceCommand({ resourceArn, tags: { a: '3' } }));
    expect(await tags()).toEqual({ a: '3', 'b c': '2', d: '' });
    expect((await describeComponent(resourceArn)).tags).toEqual({ a: '3', 'b c': '2', d: '' });
    await under.greengrass.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a', 'b c', 'never'] }));
    expect(await tags()).toEqual({ d: '' });
    await remove(resourceArn);
    const gone = under.greengrass.send(new ListTagsForResourceCommand({ resourceArn }));
    expect(await refusalOf(gone)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  });

  test('cannot use the reserved prefix', async () => {
    const resourceArn = await under.publish(simpleRecipe('com.example.Reserved'));
    const call = under.greengrass.send(new TagResourceCommand({ resourceArn, tags: { 'aws:x': '1' } }));
    expect(await refusalOf(call)).toMatchObject({ name: 'ValidationException', status: 400 });
  });
});

test('lists refuse page sizes and tokens that are none', async () => {
  for (const query of ['maxResults=0', 'maxResults=101', 'maxResults=abc', 'nextToken=garbage']) {
    const answer = await under.raw({ method: 'GET', path: '/greengrass/v2/components', query });
    expect(answer, query).toMatchObject({ status: 400, errorType: 'ValidationException' });
  }
});
