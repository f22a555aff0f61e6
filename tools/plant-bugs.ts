// `npm run plant-bugs [-- WORD]`: plants bugs one by one in a copy of the packages, and runs the simulation of `npm test` on it until it
// finds each. Exits with 1 when one is not found. WORD: only the bugs with it in their name.
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { type PlantedBug, plantedBugs } from '../tests/simulation/planted-bugs.ts';
import { captureStep } from './run-step.ts';

const root = resolve(import.meta.dirname, '..');
const seeds = '1..2000';

/** The packages as they are, with the installed dependencies; what is linked to the packages is linked to the copies. */
function copyInto(folder: string): void {
  for (const part of ['packages', 'tools', 'tests', 'package.json']) {
    const filter = (path: string) => !path.includes('/node_modules');
    cpSync(join(root, part), join(folder, part), { recursive: true, filter });
  }
  mkdirSync(join(folder, 'node_modules', '@greensward'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@greensward') symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  for (const name of readdirSync(join(folder, 'packages'))) {
    symlinkSync(join(folder, 'packages', name), join(folder, 'node_modules', '@greensward', name));
  }
}

/** Returns what undoes it. */
function plant(folder: string, { name, changes }: PlantedBug): () => void {
  const before = new Map(changes.map(({ file }) => [file, readFileSync(join(folder, file), 'utf8')]));
  for (const { file, find, put } of changes) {
    const text = readFileSync(join(folder, file), 'utf8');
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`"${name}": ${file} has ${times} times, not once: ${find}`);
    writeFileSync(
      join(folder, file),
      text.replace(find, () => put),
    );
  }
  return () => {
    for (const [file, text] of before) writeFileSync(join(folder, file), text);
  };
}

const folder = temporaryFolder();
let missed = 0;
try {
  copyInto(folder.path);
  const run = (range: string) =>
    captureStep(process.execPath, [join(folder.path, 'tools/simulate.ts'), '--seeds', range]);
  const control = await run('1..20');
  if (control.code !== 0) throw new Error(`the simulation fails without any bug:\n${control.output}`);
  const chosen = plantedBugs.filter(({ name }) => process.argv.slice(2).every((word) => name.includes(word)));
  for (const bug of chosen) {
    const undo = plant(folder.path, bug);
    const { output } = await run(seeds);
    undo();
    const found = output.match(/^seed (\d+): (.*)$/m);
    const after = output.match(/^(\d+) seeds/m)?.[1];
    // No sum of seeds: the simulation broke instead of finding something.
    if (found === null || after === undefined) missed += 1;
    console.log(
      found === null || after === undefined
        ? `NOT FOUND in seeds ${seeds}: ${bug.name}\n${output.slice(-2000)}`
        : `found by seed ${found[1]} after ${after}: ${bug.name}\n  ${found[2]}`,
    );
  }
} finally {
  folder.remove();
}
process.exitCode = missed === 0 ? 0 : 1;
