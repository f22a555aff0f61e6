// `npm run check`: everything that must be green before a commit. Steps run two at a time; each prints only when it fails.
// `--no-tests` leaves the unit tests out, for `npm test`, which runs them itself to count them.
import { performance } from 'node:perf_hooks';
import { captureStep } from './run-step.ts';

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['unit tests', 'vitest', 'run', '--project', 'unit', '--reporter', 'dot'],
  ['types', 'tsc', '-p', '.'],
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['imports', process.execPath, 'tools/check-imports.ts'],
  ['generated operations', process.execPath, 'tools/generate-operations.ts', '--check'],
  ['dead code', 'knip', '--no-progress'],
];

const waiting = steps.filter(([name]) => name !== 'unit tests' || !process.argv.includes('--no-tests'));
let failed = false;

async function worker(): Promise<void> {
  for (let step = waiting.shift(); step; step = waiting.shift()) {
    const [name, command, ...args] = step;
    const began = performance.now();
    const { code, output } = await captureStep(command, args);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
    if (code !== 0) {
      failed = true;
      console.log(output);
    }
  }
}

await Promise.all([worker(), worker()]);
process.exitCode = failed ? 1 : 0;
