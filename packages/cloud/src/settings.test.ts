import { describe, expect, test } from 'vitest';
import { isLoopback, parseSettings } from './settings.ts';

const day = 86_400_000;

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
      retention: { jobsMs: 90 * day, revisions: 100, eventsMs: 90 * day, auditMs: 90 * day },
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
    ['--keep-jobs', { data: 'd', 'keep-jobs': '0' }],
    ['--keep-events', { data: 'd', 'keep-events': '1.5' }],
    ['--keep-audit', { data: 'd', 'keep-audit': '-1' }],
    ['--keep-revisions', { data: 'd', 'keep-revisions': '' }],
    ['--database', { data: 'd', database: 'mysql://u:secret@h/db' }],
  ])('a bad %s is refused by its name', (option, options) => {
    const refused = expect.objectContaining({ code: 'WRONG_USAGE', message: expect.stringMatching(`^${option}: `) });
    expect(() => parseSettings(options)).toThrow(refused);
  });

  test('the password of a database URL is not repeated', () => {
    expect(() => parseSettings({ data: 'd', database: 'mysql://u:secret@h/db' })).toThrow(/^(?!.*secret)/);
  });

  test('how long what is over is kept is told in days', () => {
    const options = { data: 'd', 'keep-jobs': '1', 'keep-events': '2', 'keep-audit': '3', 'keep-revisions': '4' };
    const retention = { jobsMs: day, eventsMs: 2 * day, auditMs: 3 * day, revisions: 4 };
    expect(parseSettings(options)).toMatchObject({ retention });
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
