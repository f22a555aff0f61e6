import { describe, expect, test } from 'vitest';
import { isLoopback, parseSettings } from './settings.ts';

describe('settings', () => {
  test('the defaults are those of the command line page', () => {
    expect(parseSettings({ data: '/data' })).toEqual({
      dataFolder: '/data',
      host: '127.0.0.1',
      apiPort: 7400,
      devicePort: 8443,
      mqttPort: 8883,
      names: ['localhost'],
      accountId: '000000000000',
      region: 'us-east-1',
      insecure: false,
    });
  });

  test.each([
    ['--data', {}],
    ['--data', { data: '' }],
    ['--api-port', { data: 'd', 'api-port': 'x' }],
    ['--api-port', { data: 'd', 'api-port': '' }],
    ['--device-port', { data: 'd', 'device-port': '65536' }],
    ['--mqtt-port', { data: 'd', 'mqtt-port': '-1' }],
    ['--host', { data: 'd', host: 'http://x' }],
    ['--name', { data: 'd', name: ['ok', 'not ok'] }],
    ['--account', { data: 'd', account: '123' }],
    ['--region', { data: 'd', region: 'Mars' }],
    ['--database', { data: 'd', database: 'mysql://u:secret@h/db' }],
  ])('a bad %s is refused by its name', (option, options) => {
    const refused = expect.objectContaining({ code: 'WRONG_USAGE', message: expect.stringMatching(`^${option}: `) });
    expect(() => parseSettings(options)).toThrow(refused);
  });

  test('the password of a database URL is not repeated', () => {
    expect(() => parseSettings({ data: 'd', database: 'mysql://u:secret@h/db' })).toThrow(/^(?!.*secret)/);
  });

  test('names are kept in order, each once', () => {
    expect(parseSettings({ data: 'd', name: ['b', 'a', 'b'] }).names).toEqual(['b', 'a']);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
  ])('%s is loopback: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});
