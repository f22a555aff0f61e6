import { silentLog } from '@greensward/kit';
import { expect, test } from 'vitest';
import { spec } from './lifecycle-bench.ts';
import { giveFiles } from './script-steps.ts';

const app = spec('App', { Run: 'serve' }, { user: 'one', workPath: '/w/App', artifactPaths: ['/a/App', '/u/App'] });

/** Which folders are given to the user, and how far, when these are there. */
async function given(there: readonly string[], refuses: readonly string[] = []): Promise<readonly string[]> {
  const owners: string[] = [];
  const platform = {
    exists: (path: string) => there.includes(path),
    async setOwner(path: string, user: string, what: 'all' | 'contents') {
      if (refuses.includes(path)) throw new Error('the disk refuses');
      owners.push(`${path} ${user} ${what}`);
    },
  };
  await giveFiles(app, platform, silentLog, () => false);
  return owners;
}

test('case 53: of the folders of a component only those that are there are given to its user', async () => {
  expect(await given(['/w/App', '/u/App'])).toEqual(['/w/App one all', '/u/App one contents']);
  expect(await given(['/a/App'])).toEqual(['/a/App one contents']);
  expect(await given([])).toEqual([]);
});

test('one that cannot be given keeps neither the others nor the step', async () => {
  expect(await given(['/w/App', '/a/App'], ['/w/App'])).toEqual(['/a/App one contents']);
});
