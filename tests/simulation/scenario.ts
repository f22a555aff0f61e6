import type { CreateDeploymentRequest } from '@greensward/protocol/greengrassv2';
import type { Chance } from '@greensward/testkit/chance';
import type { Retention } from '../../packages/cloud/src/domain/history/retention.ts';
import { applications, componentVersions, missing } from './components.ts';
import type { Behaviour } from './device.ts';
import type { Criterion, RolloutPolicy } from './reference.ts';

const day = 86_400_000;

/** How large a run is. */
export interface Size {
  readonly devices: number;
  readonly actions: number;
}

/** What one seed makes of a run before it begins. */
export interface Scenario {
  readonly devices: number;
  readonly actions: number;
  /** A group below `fleet`, in which some devices are. */
  readonly subgroup: boolean;
  readonly replicas: 1 | 2;
  readonly retention: Retention;
  /** Mean time between two actions of administrator and fate, ms. */
  readonly paceMs: number;
  readonly latencyMs: number;
  /** How likely a message comes twice. */
  readonly duplicates: number;
  /** The longest that a transaction waits, or a commit takes, ms. */
  readonly diskMs: number;
}

export function scenarioOf(chance: Chance, size: Size): Scenario {
  return {
    devices: 1 + chance.integer(size.devices),
    actions: 3 + chance.integer(size.actions),
    subgroup: chance.next() < 0.35,
    replicas: chance.next() < 0.3 ? 2 : 1,
    retention: {
      jobsMs: chance.pick([60_000, 3_600_000, 7 * day]),
      revisions: chance.pick([1, 2, 1000]),
      eventsMs: chance.pick([60_000, day]),
      auditMs: day,
    },
    paceMs: chance.pick([4_000, 15_000, 40_000]),
    latencyMs: chance.pick([20, 300, 3_000]),
    duplicates: chance.pick([0, 0.02, 0.1]),
    diskMs: chance.pick([0, 20, 400]),
  };
}

export function behaviourOf(chance: Chance): Behaviour {
  return {
    failing: chance.pick([0, 0, 0.3, 1]),
    refusing: chance.pick([0, 0, 0, 0.3]),
    silent: chance.pick([0, 0, 0.3]),
    mute: chance.next() < 0.06,
    steps: chance.next() < 0.2,
    slowMs: chance.pick([2_000, 30_000, 240_000]),
  };
}

/** Of a device that answers, quickly, and well. */
export const willing: Behaviour = { failing: 0, refusing: 0, silent: 0, mute: false, steps: false, slowMs: 2_000 };

export function policyOf(chance: Chance): RolloutPolicy | undefined {
  if (chance.next() < 0.2) return undefined;
  return { ...rateOf(chance), ...abortOf(chance), ...timeoutOf(chance) };
}

function rateOf(chance: Chance): RolloutPolicy {
  const maximum = chance.next() < 0.5 ? { maximumPerMinute: 1 + chance.integer(6) } : {};
  switch (chance.integer(3)) {
    case 0:
      return {};
    case 1:
      return { jobExecutionsRolloutConfig: { maximumPerMinute: 1 + chance.integer(4) } };
    default: {
      const notified = { numberOfNotifiedThings: 1 + chance.integer(3) };
      const succeeded = { numberOfSucceededThings: 1 + chance.integer(3) };
      const both = { ...notified, ...succeeded };
      const criteria = chance.pick<typeof both | typeof notified | typeof succeeded>([notified, succeeded, both]);
      const exponentialRate = {
        baseRatePerMinute: 1 + chance.integer(3),
        incrementFactor: chance.pick([1.1, 1.5, 2, 3.3, 5]),
        rateIncreaseCriteria: criteria,
      };
      return { jobExecutionsRolloutConfig: { ...maximum, exponentialRate } };
    }
  }
}

function abortOf(chance: Chance): RolloutPolicy {
  if (chance.next() < 0.5) return {};
  const criterion = () => ({
    failureType: chance.pick<Criterion['failureType']>(['FAILED', 'REJECTED', 'TIMED_OUT', 'ALL', 'ALL']),
    action: 'CANCEL' as const,
    thresholdPercentage: chance.pick([0.01, 25, 33.33, 33.34, 50, 50, 66.67, 100]),
    minNumberOfExecutedThings: 1 + chance.integer(4),
  });
  return { abortConfig: { criteriaList: chance.next() < 0.7 ? [criterion()] : [criterion(), criterion()] } };
}

function timeoutOf(chance: Chance): RolloutPolicy {
  return chance.next() < 0.5 ? {} : { timeoutConfig: { inProgressTimeoutInMinutes: 1 + chance.integer(5) } };
}

/** What a deployment asks devices to run; each group has its application, so that no two groups are in conflict. */
export function contentOf(
  chance: Chance,
  group: keyof typeof applications,
): NonNullable<CreateDeploymentRequest['components']> {
  if (chance.next() < 0.08) return { [missing]: { componentVersion: '1.0.0' } };
  return { [applications[group]]: { componentVersion: chance.pick(componentVersions) } };
}
