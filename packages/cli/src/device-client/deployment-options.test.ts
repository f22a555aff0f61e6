import { describe, expect, test } from 'vitest';
import { deploymentRequest } from './deployment-options.ts';

describe('the options of sward device deploy', () => {
  test('become a request, folders as absolute paths', () => {
    const request = deploymentRequest({
      recipeDir: '/r/../recipes',
      artifactDir: '/artifacts',
      merge: ['A=1.0.0', 'B=2.0.0'],
      remove: ['C,D', 'E'],
      updateConfig: '{"A": {"MERGE": {"x": 1}}}',
      runWith: ['A:posixUser=u:g', 'A:windowsUser=w'],
      systemLimits: '{"A": {"memory": 1024, "cpus": 0.5}, "B": {}}',
      group: 'line',
      failureHandlingPolicy: 'ROLLBACK',
    });
    expect(request).toEqual({
      groupName: 'line',
      rootComponentVersionsToAdd: { A: '1.0.0', B: '2.0.0' },
      rootComponentsToRemove: ['C', 'D', 'E'],
      componentToConfiguration: { A: { MERGE: { x: 1 } } },
      componentToRunWithInfo: {
        A: { posixUser: 'u:g', windowsUser: 'w', systemResourceLimits: { memory: 1024, cpus: 0.5 } },
        B: { systemResourceLimits: {} },
      },
      recipeDirectoryPath: '/recipes',
      artifactsDirectoryPath: '/artifacts',
      failureHandlingPolicy: 'ROLLBACK',
    });
  });

  test('may all be missing', () => {
    expect(deploymentRequest({})).toEqual({});
  });

  test.each([
    [{ merge: ['A'] }, '--merge: "A" is not of the form COMPONENT=VERSION'],
    [{ merge: ['=1'] }, '--merge: "=1" is not of the form'],
    [{ runWith: ['A:user=x'] }, '--run-with: "A:user=x" is not of the form COMPONENT:posixUser=USER[:GROUP]'],
    [{ runWith: ['posixUser=x'] }, '--run-with: "posixUser=x" is not of the form'],
    [{ updateConfig: '/nowhere' }, '--update-config: neither JSON nor a file: /nowhere'],
    [{ updateConfig: '{]' }, '--update-config: not JSON'],
    [{ systemLimits: '{"A": {"memory": "1"}}' }, '--system-limits: A may have the numbers memory (kilobytes) and cpus'],
    [{ systemLimits: '{"A": 1}' }, '--system-limits: A must have an object'],
  ])('that are wrong are named: %j', (options, text) => {
    expect(() => deploymentRequest(options)).toThrow(expect.objectContaining({ code: 'Usage' }));
    expect(() => deploymentRequest(options)).toThrow(text);
  });
});
