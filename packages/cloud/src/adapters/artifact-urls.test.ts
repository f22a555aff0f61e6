import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createArtifactUrls } from './artifact-urls.ts';

const sha256 = 'ab'.repeat(32);
const start = 1_700_000_000_000;

function urls(now = start, secret = 'secret') {
  return createArtifactUrls({ secret, names: ['fleet.example', '::1'], port: 8443, clock: { now: () => now } });
}

function check(url: string, by = urls()) {
  const { pathname, searchParams } = new URL(url);
  return by.verify(pathname, searchParams);
}

describe('a pre-signed artifact URL', () => {
  test('grants its content under any file name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (fileName) => {
        fc.pre(!/^\.{1,2}$/.test(fileName));
        expect(check(urls().sign({ sha256, fileName }, 'fleet.example'))).toEqual({ sha256, fileName });
      }),
    );
  });

  test('names the host that the caller used if it is one of ours, else the first', () => {
    const host = (name: string) => new URL(urls().sign({ sha256, fileName: 'f' }, name)).host;
    expect(host('FLEET.example')).toBe('fleet.example:8443');
    expect(host('::1')).toBe('[::1]:8443');
    expect(host('evil.example')).toBe('fleet.example:8443');
  });

  test('grants nothing after 12 hours', () => {
    const url = urls().sign({ sha256, fileName: 'f' }, 'fleet.example');
    expect(check(url, urls(start + 12 * 3600_000 - 1000))).toBeDefined();
    expect(check(url, urls(start + 12 * 3600_000))).toBeUndefined();
  });

  test('grants nothing when a part of it was changed, or another secret made it', () => {
    const url = urls().sign({ sha256, fileName: 'f' }, 'fleet.example');
    expect(check(url, urls(start, 'other'))).toBeUndefined();
    expect(check(url.replace('/f?', '/g?'))).toBeUndefined();
    expect(check(url.replace(sha256, 'cd'.repeat(32)))).toBeUndefined();
    expect(check(url.replace('expires=1', 'expires=9'))).toBeUndefined();
    expect(check(url.replace(/signature=../, 'signature=00'))).toBeUndefined();
    expect(check(url.replace(/&signature=.*/, ''))).toBeUndefined();
    expect(check(`${url}0`)).toBeUndefined();
  });

  test('grants nothing for paths of another form', () => {
    const query = new URL(urls().sign({ sha256, fileName: 'f' }, 'fleet.example')).searchParams;
    for (const path of [
      '/',
      '/artifacts/',
      `/artifacts/${sha256}`,
      `/artifacts/${sha256}/f/g`,
      `/artifacts/${sha256}/%`,
    ]) {
      expect(urls().verify(path, query)).toBeUndefined();
    }
  });
});
