import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readProfile } from './profile.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-profile-'));
  await mkdir(join(folder, 'aws'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const credentials = '[greensward]\naws_access_key_id = AKIA\naws_secret_access_key = a/b+c=\n';

async function write(config: string, keys = credentials): Promise<void> {
  await writeFile(join(folder, 'aws', 'config'), config);
  await writeFile(join(folder, 'aws', 'credentials'), keys);
}

describe('the profile of a data folder', () => {
  test('is read among others, with nested settings', async () => {
    await writeFile(join(folder, 'ca.pem'), 'PEM');
    const config = [
      '[profile other]',
      'region = nowhere',
      '[profile greensward]',
      'region = us-east-1',
      'endpoint_url = https://[::1]:7400',
      `ca_bundle = ${join(folder, 'ca.pem')}`,
      's3 =',
      '  addressing_style = path',
    ];
    await write(`${config.join('\n')}\n`, `[other]\naws_access_key_id = X\n${credentials}`);
    expect(await readProfile(folder)).toEqual({
      endpoint: new URL('https://[::1]:7400'),
      region: 'us-east-1',
      accessKeyId: 'AKIA',
      secretAccessKey: 'a/b+c=',
      caPem: 'PEM',
    });
  });

  test.each([
    ['no endpoint', '[profile greensward]\nregion = r\n', /has no endpoint_url$/],
    ['an endpoint that is no URL', '[profile greensward]\nregion = r\nendpoint_url = nope\n', /is no URL: nope$/],
    ['another profile only', '[profile other]\nregion = r\nendpoint_url = http://a\n', /has no endpoint_url$/],
  ])('with %s is refused in words', async (_what, config, message) => {
    await write(config);
    await expect(readProfile(folder)).rejects.toMatchObject({
      code: 'NoProfile',
      message: expect.stringMatching(message),
    });
  });

  test('that is not there names the option', async () => {
    await expect(readProfile(join(folder, 'none'))).rejects.toThrow(/there is no .*: start a cloud .* --data$/);
  });
});
