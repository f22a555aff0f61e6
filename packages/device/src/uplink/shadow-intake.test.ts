import type { DeploymentShadowMessage } from '@greensward/protocol/deployment-shadow';
import { describe, expect, test } from 'vitest';
import { type LastReport, noShadowSeen, takeShadow } from './shadow-intake.ts';

const outcome = { detailedStatus: undefined, failureCause: undefined, errorStack: undefined, errorTypes: undefined };

function message(
  version: number,
  desired?: readonly [arn: string, status?: string],
  reported?: readonly [arn: string, status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED'],
): DeploymentShadowMessage {
  return {
    version,
    desired: desired && {
      fleetConfig: JSON.stringify({ configurationArn: desired[0] }),
      desiredStatus: desired[1] ?? 'SUCCEEDED',
    },
    reported: reported && { configurationArn: reported[0], status: reported[1], outcome, nucleusVersion: '2.18.0' },
  };
}

/** `deploy` or `cancel` and the ARN for each message, '' for none; and `again` where the status is to be reported again. */
function decisions(messages: readonly DeploymentShadowMessage[], last?: LastReport): string[] {
  let memory = noShadowSeen;
  return messages.map((item) => {
    const decision = takeShadow(memory, item, last);
    memory = decision.memory;
    const { arrival } = decision;
    const asked =
      arrival?.kind === 'shadow' ? `${arrival.cancel ? 'cancel' : 'deploy'} ${arrival.configurationArn}` : '';
    return `${asked}${decision.republish ? ' again' : ''}`.trim();
  });
}

describe('the first message of a process', () => {
  test('deploys what was not done, or was under way', () => {
    expect(decisions([message(1, ['a'])])).toEqual(['deploy a']);
    expect(decisions([message(1, ['b'], ['a', 'SUCCEEDED'])])).toEqual(['deploy b']);
    expect(decisions([message(1, ['a'], ['a', 'IN_PROGRESS'])])).toEqual(['deploy a']);
  });

  test('is ignored when it is done or already runs here', () => {
    expect(decisions([message(1, ['a'], ['a', 'FAILED'])])).toEqual(['']);
    expect(decisions([message(1, ['a'])], { configurationArn: 'a', status: 'IN_PROGRESS' })).toEqual(['']);
  });
});

test('a cancellation while the device was away reaches what it goes on with after its restart', () => {
  expect(decisions([message(1, ['a', 'CANCELED'])])).toEqual(['cancel a']);
  expect(decisions([message(1, ['a', 'CANCELED'], ['a', 'IN_PROGRESS'])])).toEqual(['cancel a']);
  const last = { configurationArn: 'a', status: 'IN_PROGRESS' };
  expect(decisions([message(1, ['a', 'CANCELED'], ['a', 'IN_PROGRESS'])], last)).toEqual(['cancel a']);
});

describe('later messages', () => {
  test('case 62: deploy each new ARN once and cancel it once', () => {
    const messages = [
      message(1, ['a']),
      message(2, ['a']),
      message(3, ['b']),
      message(4, ['b', 'CANCELED']),
      message(5, ['b', 'CANCELED']),
      message(6, ['c']),
    ];
    expect(decisions(messages)).toEqual(['deploy a', '', 'deploy b', 'cancel b', '', 'deploy c']);
  });

  test('that are older than one seen are dropped', () => {
    expect(decisions([message(5, ['b']), message(4, ['a']), message(5, ['c'])])).toEqual(['deploy b', '', 'deploy c']);
  });

  test('without a desired state only tell the version', () => {
    expect(decisions([message(5), message(4, ['a']), message(6, ['a'])])).toEqual(['', '', 'deploy a']);
  });
});

test('a status the cloud has wrong is to be reported again', () => {
  const last = { configurationArn: 'a', status: 'SUCCEEDED' };
  expect(decisions([message(1, undefined, ['a', 'IN_PROGRESS'])], last)).toEqual(['again']);
  expect(decisions([message(1, ['b'], ['a', 'SUCCEEDED'])], last)).toEqual(['deploy b']);
  expect(decisions([message(1, ['c'], ['b', 'SUCCEEDED'])], last)).toEqual(['deploy c again']);
});

test.each(['{', '[]', '{}', '{"configurationArn":7}'])(
  'a fleetConfig that is not usable is ignored: %s',
  (fleetConfig) => {
    const desired = { fleetConfig, desiredStatus: 'SUCCEEDED' };
    const decision = takeShadow(noShadowSeen, { version: 1, desired, reported: undefined }, undefined);
    expect(decision.arrival).toBeUndefined();
    expect(decision.problem).toContain('fleetConfig');
    expect(decision.memory).toEqual({ ...noShadowSeen, version: 1 });
  },
);
