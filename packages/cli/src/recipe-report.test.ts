import { expect, test } from 'vitest';
import { reportLines } from './recipe-report.ts';

const none = { file: 'r.yaml', valid: true, componentName: 'a', componentVersion: '1.0.0', findings: [] };

test('a finding is a line with file, line, severity and key; the last line counts them', () => {
  const findings = [
    { severity: 'warning' as const, line: 7, path: 'Manifests[0].Platfrom', message: 'is not a key' },
    { severity: 'error' as const, line: 9, path: 'Lifecycle', message: 'must be an object' },
    { severity: 'error' as const, line: undefined, path: '', message: 'the recipe is too large' },
  ];
  expect(reportLines({ ...none, valid: false, findings })).toEqual([
    'r.yaml:7: warning: Manifests[0].Platfrom: is not a key',
    'r.yaml:9: error: Lifecycle: must be an object',
    'r.yaml: error: the recipe is too large',
    'r.yaml: not a valid recipe (2 errors, 1 warning)',
  ]);
});

test('a recipe without findings is one line', () => {
  expect(reportLines(none)).toEqual(['r.yaml: a 1.0.0 is a valid recipe']);
});
