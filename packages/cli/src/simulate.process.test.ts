import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { swardBin } from '@greensward/testkit/cloud';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterAll, describe, expect, test } from 'vitest';

const folder = temporaryFolder();
const policy = join(folder.path, 'policy.json');
writeFileSync(
  policy,
  JSON.stringify({
    targetArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/line',
    iotJobConfiguration: {
      jobExecutionsRolloutConfig: { maximumPerMinute: 100 },
      abortConfig: {
        criteriaList: [
          { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 20, minNumberOfExecutedThings: 10 },
        ],
      },
    },
  }),
);

afterAll(() => folder.remove());

function simulate(...args: readonly string[]) {
  const child = spawn(process.execPath, [swardBin, 'simulate', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part) => (stdout += part));
  child.stderr.on('data', (part) => (stderr += part));
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('sward simulate', () => {
  test('shows the curve and the times of a rollout that goes well', async () => {
    const { code, stdout, stderr } = await simulate(policy, '--devices', '500', '--latency', '10s');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {4}500 \|/m);
    expect(stdout).toMatch(/^notified +/m);
    expect(stdout).toContain('500 SUCCEEDED');
    expect(stdout).toContain('over 5 seeds: 0 aborted');
  });

  test('says when a rollout would abort, as JSON, and the same for the same seed', async () => {
    const args = [policy, '--devices=2000', '--failure-rate=50%', '--offline=5%:1h', '--seed=4', '--runs=3', '--json'];
    const [first, second] = [await simulate(...args), await simulate(...args)];
    expect(second.stdout).toBe(first.stdout);
    const { summary, curve, spread } = JSON.parse(first.stdout);
    expect(summary.abort.reason).toContain('FAILED');
    expect(summary.abort.reached).toBeLessThan(2000);
    expect(curve.at(-1).states).toEqual(summary.states);
    expect(spread).toMatchObject({ runs: 3, aborted: 3 });
  });

  test('a mistake in the file or the options is wrong usage that names it', async () => {
    const typo = join(folder.path, 'typo.json');
    writeFileSync(typo, '{"iotJobConfiguration": {"abortConfig": {"criteria": []}}}');
    const cases: readonly (readonly [string, ...string[]])[] = [
      ['there is no member iotJobConfiguration.abortConfig.criteria', typo, '--devices', '5'],
      ['missing.json cannot be read', join(folder.path, 'missing.json'), '--devices', '5'],
      ['--devices: a number from 1 to 1000000', policy, '--devices', '0'],
      ['--failure-rate: a share', policy, '--devices', '5', '--failure-rate', 'half'],
      ["required option '--devices <count>'", policy],
    ];
    for (const [message, ...args] of cases) {
      const { code, stdout, stderr } = await simulate(...args);
      expect(stderr).toContain(message);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    }
  });
});
