import { expect, test } from 'vitest';
import { spec } from './lifecycle-bench.ts';
import { reactionTo } from './restart.ts';

const lifecycle = { Install: 'prepare', Run: { Script: 'serve', Timeout: 5 }, Shutdown: 'stop', Setenv: { A: '1' } };
const before = spec('a', lifecycle, { configuration: { install: 1 }, user: 'one' });

test.each([
  ['nothing', {}, 'none'],
  ['version', { version: '1.0.1' }, 'reinstall'],
  ['user', { user: 'two' }, 'reinstall'],
  ['the install step', { lifecycle: { ...lifecycle, Install: 'prepare more' } }, 'reinstall'],
  ['the install step gone', { lifecycle: { Run: lifecycle.Run, Shutdown: 'stop', Setenv: { A: '1' } } }, 'reinstall'],
  ['the run step', { lifecycle: { ...lifecycle, Run: 'serve' } }, 'restart'],
  ['a time limit', { lifecycle: { ...lifecycle, Run: { Script: 'serve', Timeout: 6 } } }, 'restart'],
  ['the environment', { lifecycle: { ...lifecycle, Setenv: { A: '2' } } }, 'restart'],
  ['a key of no meaning', { lifecycle: { ...lifecycle, Note: 'x' } }, 'restart'],
  ['the shutdown step', { lifecycle: { ...lifecycle, Shutdown: 'stop it' } }, 'none'],
  [
    'the order and case of keys',
    { lifecycle: { run: { Timeout: 5, Script: 'serve' }, install: 'prepare', SHUTDOWN: 'stop', Setenv: { A: '1' } } },
    'none',
  ],
  ['configuration, also of a name like a step', { configuration: { install: 2, version: 3 } }, 'none'],
  ['limits', { limits: { memory: 1 } }, 'none'],
  ['the environment of the runtime', { environment: { SVCUID: 'new' } }, 'none'],
  ['a dependency more', { dependencies: new Map([['b', 'SOFT' as const]]) }, 'restart'],
] as const)('a change of %s', (_, change, reaction) => {
  expect(reactionTo(before, { ...before, ...change }).kind).toBe(reaction);
});
