import { afterEach, describe, expect, test, vi } from 'vitest';
import { cloudStart } from './cloud.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('how the cloud is started', () => {
  test('each option is passed on as one argument', () => {
    const { args } = cloudStart('data', { apiPort: '1', host: '::1', name: ['a', 'b'], insecure: true, json: true });
    expect(args.slice(args.indexOf('--data'))).toEqual([
      '--data',
      'data',
      '--api-port=1',
      '--host=::1',
      '--name=a',
      '--name=b',
      '--insecure',
      '--json',
    ]);
  });

  test('its memory is kept small, unless the environment says otherwise', () => {
    const { args, env } = cloudStart('data', {});
    expect(args[0]).toBe('--max-semi-space-size=4');
    expect(env).toMatchObject({ MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TOP_PAD_: '0' });
    vi.stubEnv('MALLOC_TOP_PAD_', '1');
    expect(cloudStart('data', {}).env['MALLOC_TOP_PAD_']).toBe('1');
  });

  test('the database is told in the environment, and is in no argument', () => {
    vi.stubEnv('GREENSWARD_DATABASE_URL', 'postgres://u:secret@inherited/d');
    const inherited = cloudStart('data', {});
    expect(inherited.env['GREENSWARD_DATABASE_URL']).toBe('postgres://u:secret@inherited/d');
    const given = cloudStart('data', { database: 'postgres://u:secret@given/d' });
    expect(given.env['GREENSWARD_DATABASE_URL']).toBe('postgres://u:secret@given/d');
    for (const { args } of [inherited, given]) expect(args.join(' ')).not.toContain('secret');
  });

  test('without a database none is told', () => {
    expect(cloudStart('data', {}).env).not.toHaveProperty('GREENSWARD_DATABASE_URL');
  });
});
