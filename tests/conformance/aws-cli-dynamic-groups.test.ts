import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findAwsCli } from '@greensward/testkit/programs';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, startConformanceCloud } from './conformance-cloud.ts';

const aws = findAwsCli();
const run = promisify(execFile);

describe.skipIf(aws === undefined)('the AWS CLI (needs it installed)', () => {
  let under: ConformanceCloud;
  beforeAll(async () => {
    under = await startConformanceCloud();
  });
  afterAll(() => under.stop());

  /** Runs `aws iot` with the profile that the cloud wrote, and no AWS setting of this machine. */
  async function iot(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const own = Object.entries(process.env).filter(([name]) => !/^(AWS_|REQUESTS_CA_BUNDLE$)/i.test(name));
    const env = { ...Object.fromEntries(own), ...under.cloud.environment, AWS_PAGER: '' };
    const { stdout } = await run(aws ?? '', ['iot', ...args, '--output', 'json'], { env });
    return stdout === '' ? {} : JSON.parse(stdout);
  }

  test('makes a thing type, things of it, and a dynamic group of them that is searched and deleted', async () => {
    await iot(
      'update-indexing-configuration',
      '--thing-indexing-configuration',
      'thingIndexingMode=REGISTRY_AND_SHADOW',
    );
    expect(await iot('get-indexing-configuration')).toMatchObject({
      thingIndexingConfiguration: { thingIndexingMode: 'REGISTRY_AND_SHADOW', thingConnectivityIndexingMode: 'OFF' },
    });
    const type = ['--thing-type-name', 'pump'];
    await iot('create-thing-type', ...type, '--thing-type-properties', 'searchableAttributes=site');
    await iot('create-thing', '--thing-name', 'pump-1', ...type, '--attribute-payload', 'attributes={site=north}');
    await iot('create-thing', '--thing-name', 'pump-2', ...type, '--attribute-payload', 'attributes={site=south}');
    const group = ['--thing-group-name', 'northern'];
    const query = 'thingTypeName:pump AND attributes.site:n*';
    await iot('create-dynamic-thing-group', ...group, '--query-string', query);
    await until(
      'the group is ACTIVE',
      async () => (await iot('describe-thing-group', ...group))['status'] === 'ACTIVE',
    );
    expect(await iot('list-things-in-thing-group', ...group)).toEqual({ things: ['pump-1'] });
    expect(await iot('search-index', '--query-string', query)).toMatchObject({ things: [{ thingName: 'pump-1' }] });
    expect(await iot('describe-index', '--index-name', 'AWS_Things')).toMatchObject({ indexStatus: 'ACTIVE' });
    const properties = ['--thing-group-properties', 'thingGroupDescription=all'];
    const all = await iot(
      'update-dynamic-thing-group',
      ...group,
      ...properties,
      '--query-string',
      'thingTypeName:pump',
    );
    expect(all).toEqual({ version: 2 });
    await until('it has both', async () => {
      const { things } = await iot('list-things-in-thing-group', ...group);
      return Array.isArray(things) && things.length === 2;
    });
    await iot('delete-dynamic-thing-group', ...group);
    await iot('deprecate-thing-type', ...type);
    expect(await iot('list-thing-types')).toMatchObject({
      thingTypes: [{ thingTypeName: 'pump', thingTypeMetadata: { deprecated: true } }],
    });
    await expect(iot('delete-thing-type', ...type)).rejects.toThrow('5 minutes');
  });
});
