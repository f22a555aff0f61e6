import { describe, expect, test } from 'vitest';
import { flawless } from '../behaviour/behaviour.ts';
import { duration } from './report.ts';
import { simulate, textOf } from './simulate.ts';

const rate = { jobExecutionsRolloutConfig: { maximumPerMinute: 60 } };

describe('the report', () => {
  test('shows the curve, the times and the rate', () => {
    const text = textOf(simulate({ config: rate, devices: 601, behaviour: flawless, seed: 1, runs: 1 }));
    expect(text).toMatch(/^ {4}601 \| +#+$/m);
    expect(text).toMatch(/^succeeded +5 m +9 m 30 s +10 m$/m);
    expect(text).toContain('rate from 0 s: 60 a minute');
    expect(text).toContain('not aborted\nover after 10 m: 601 SUCCEEDED');
    expect(text).not.toContain('seeds');
  });

  test('says when it aborts, whom it reached, and the spread over seeds', () => {
    const config = {
      ...rate,
      abortConfig: {
        criteriaList: [
          { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 20 },
        ],
      },
    };
    const simulation = simulate({
      config,
      devices: 1000,
      behaviour: { ...flawless, failureRate: 1 },
      seed: 1,
      runs: 3,
    });
    const text = textOf(simulation);
    expect(text).toMatch(/aborted after 19 s, when 20 devices had begun: 20 of 20 executed things are FAILED/);
    expect(text).toContain('980 not notified, 20 FAILED');
    expect(text).toContain('over 3 seeds: 3 aborted');
    expect(text).toContain('begun at the abort: median 20, worst 20');
    expect(simulation.spread).toMatchObject({ runs: 3, aborted: 3, reached: { median: 20, worst: 20 } });
  });

  test('a single failure among thousands is seen in the chart', () => {
    const behaviour = { ...flawless, failureRate: 0.001 };
    const simulation = simulate({ config: {}, devices: 3000, behaviour, seed: 1, runs: 1 });
    expect(simulation.summary.states.FAILED).toBeGreaterThan(0);
    expect(textOf(simulation).split('\n').slice(0, 12).join('')).toContain('x');
  });
});

test.each([
  [0, '0 s'],
  [1500, '1.5 s'],
  [60_000, '1 m'],
  [90_000, '1 m 30 s'],
  [3_600_000, '1 h'],
  [93_600_000, '1 d 2 h'],
])('%i ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
