import { describe, expect, test } from 'vitest';
import { readRequest } from './request.ts';

const read = (value: unknown) => readRequest(typeof value === 'string' ? value : JSON.stringify(value), 'policy.json');
const rate = { jobExecutionsRolloutConfig: { maximumPerMinute: 50 } };

test('a whole request and its configuration alone mean the same', () => {
  expect(read({ targetArn: 'arn', components: {}, iotJobConfiguration: rate })).toEqual(read(rate));
  expect(read(rate)).toEqual(rate);
});

test('no configuration is no limit', () => {
  expect(read({ targetArn: 'arn' })).toEqual({});
  expect(read({})).toEqual({});
});

describe('what is wrong is named', () => {
  const exponentialRate = {
    baseRatePerMinute: 5,
    incrementFactor: 2,
    rateIncreaseCriteria: { numberOfNotifiedThings: 1 },
  };
  const criterion = { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 5, minNumberOfExecutedThings: 10 };
  test.each([
    ['{', 'policy.json: it is not JSON'],
    [[], 'policy.json: a CreateDeployment request'],
    [{ iotJobConfiguration: 5 }, 'iotJobConfiguration must be an object'],
    [{ rolloutConfig: {} }, 'there is no member rolloutConfig; there are jobExecutionsRolloutConfig, abortConfig'],
    [
      { iotJobConfiguration: { abortConfig: { criteria: [] } } },
      'there is no member iotJobConfiguration.abortConfig.criteria',
    ],
    [{ abortConfig: { criteriaList: [{ ...criterion, treshold: 1 }] } }, 'abortConfig.criteriaList[0].treshold'],
    [{ constructor: {} }, 'there is no member constructor'],
    [{ jobExecutionsRolloutConfig: { maximumPerMinute: 0 } }, 'maximumPerMinute must be between 1 and 1000'],
    [
      { jobExecutionsRolloutConfig: { exponentialRate: { ...exponentialRate, rateIncreaseCriteria: {} } } },
      'rateIncreaseCriteria must have',
    ],
    [
      { jobExecutionsRolloutConfig: { exponentialRate: { ...exponentialRate, incrementFactor: 1.55 } } },
      'incrementFactor must have at most 1 decimal',
    ],
    [{ abortConfig: { criteriaList: [{ ...criterion, thresholdPercentage: 101 }] } }, 'thresholdPercentage must be'],
    [{ abortConfig: { criteriaList: [{ ...criterion, failureType: 'CANCELED' }] } }, 'failureType must be one of'],
    [{ timeoutConfig: { inProgressTimeoutInMinutes: '5' } }, 'inProgressTimeoutInMinutes'],
  ])('%j', (value, message) => {
    expect(() => read(value)).toThrow(message);
  });

  test('a number without an end, which JSON can write', () => {
    const text = '{"jobExecutionsRolloutConfig": {"maximumPerMinute": 1e999}}';
    expect(() => readRequest(text, 'policy.json')).toThrow('jobExecutionsRolloutConfig.maximumPerMinute is larger');
  });
});
