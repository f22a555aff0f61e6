// `npm test`: all of it. Ends with one line, `N passed, N failed` (and skipped ones, if any), which .ci/run shows last.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStep } from './run-step.ts';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const folder = mkdtempSync(join(tmpdir(), 'greensward-test-'));
const file = join(folder, 'report.json');
const everything = process.env['GREENSWARD_REQUIRE_ALL'] === '1';
const passOn = process.argv.slice(2);

const checked = passOn.length > 0 ? 0 : await runStep(process.execPath, ['tools/check.ts', '--no-tests']);
const tested = await runStep('vitest', [
  'run',
  ...passOn,
  '--reporter',
  'default',
  '--reporter',
  'json',
  '--outputFile.json',
  file,
]);

let report: Report | undefined;
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  console.error('the test run left no report');
}
rmSync(folder, { recursive: true, force: true });

const skipped =
  report?.testResults.flatMap((suite) =>
    suite.assertionResults.filter((test) => test.status === 'pending' || test.status === 'skipped'),
  ) ?? [];
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
if (everything && skipped.length > 0)
  console.error('a skip is a failure here: every program that a test needs must be installed');

const brokenSkips = everything ? skipped.length : 0;
const suites = report && report.numFailedTests === 0 ? report.numFailedTestSuites : 0;
const failed = (report?.numFailedTests ?? 1) + suites + brokenSkips + (checked === 0 ? 0 : 1);
const tail = skipped.length > 0 && !everything ? `, ${skipped.length} skipped` : '';
console.log(`${report?.numPassedTests ?? 0} passed, ${failed} failed${tail}`);
process.exitCode = failed === 0 && tested === 0 ? 0 : 1;
