import { seededChance } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { drawFate } from './behaviour.ts';
import { parseBehaviour } from './parse-behaviour.ts';

test('shares are fractions or percentages, times have units', () => {
  expect(
    parseBehaviour({
      'failure-rate': '0.05',
      'reject-rate': '1%',
      'timeout-rate': '0.5%',
      latency: '500ms..1.5m',
      offline: '10%:1h..2d',
    }),
  ).toEqual({
    failureRate: 0.05,
    rejectionRate: 0.01,
    silentRate: 0.005,
    latencyMs: { min: 500, max: 90_000 },
    offlineRate: 0.1,
    offlineMs: { min: 3_600_000, max: 172_800_000 },
  });
});

describe('what is wrong is named', () => {
  test.each([
    [{ 'failure-rate': '5' }, '--failure-rate: a share'],
    [{ 'failure-rate': '-1%' }, '--failure-rate: a share'],
    [{ 'reject-rate': '101%' }, '--reject-rate: a share'],
    [{ 'timeout-rate': '' }, '--timeout-rate: a share'],
    [{ latency: '5' }, '--latency: a time in ms, s, m, h or d'],
    [{ latency: '3m..20s' }, '--latency: a time such as'],
    [{ latency: '1s..2s..3s' }, '--latency: a time such as'],
    [{ offline: '10%:' }, '--offline: a time'],
    [{ offline: 'often' }, '--offline: a share'],
    [{ offline: '1%:1h:2h' }, '--offline: a share and a time'],
    [{ 'failure-rate': '60%', 'timeout-rate': '60%' }, 'together'],
  ])('%j', (options, message) => {
    expect(() => parseBehaviour(options)).toThrow(message);
  });
});

test('shares that are all devices may be all of them, whatever binary fractions make of their sum', () => {
  const options = { 'failure-rate': '33%', 'reject-rate': '56%', 'timeout-rate': '11%' };
  expect(parseBehaviour(options)).toMatchObject({ failureRate: 0.33, rejectionRate: 0.56, silentRate: 0.11 });
});

test('fates come as often as the behaviour says', () => {
  const behaviour = parseBehaviour({
    'failure-rate': '10%',
    'reject-rate': '5%',
    'timeout-rate': '2%',
    offline: '20%:1h',
  });
  const chance = seededChance(3);
  const fates = Array.from({ length: 20_000 }, () => drawFate(behaviour, chance));
  const share = (is: (fate: (typeof fates)[number]) => boolean) => fates.filter(is).length / fates.length;
  expect(share(({ end }) => end === 'FAILED')).toBeCloseTo(0.1, 1);
  expect(share(({ end }) => end === 'REJECTED')).toBeCloseTo(0.05, 1);
  expect(share(({ end }) => end === 'SILENT')).toBeCloseTo(0.02, 1);
  expect(share(({ awayMs }) => awayMs > 0)).toBeCloseTo(0.2, 1);
  for (const { latencyMs } of fates) expect(latencyMs).toBeGreaterThanOrEqual(20_000);
});
