import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '..', '..');

/** The `sh` blocks of the README's tutorial, as they stand there. */
export function tutorialBlocks(): readonly string[] {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const [, tutorial = ''] = readme.match(/^<!-- tutorial:.*?-->\n(.*?)^<!-- \/tutorial -->/ms) ?? [];
  return [...tutorial.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}
