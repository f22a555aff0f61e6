// What IoT Jobs says about rates and aborts, written anew from its documentation: the simulation compares the product with it.

interface Exponential {
  readonly baseRatePerMinute: number;
  readonly incrementFactor: number;
  readonly rateIncreaseCriteria: {
    readonly numberOfNotifiedThings?: number;
    readonly numberOfSucceededThings?: number;
  };
}

/** `iotJobConfiguration`, as the simulation asks for it. */
export interface RolloutPolicy {
  readonly jobExecutionsRolloutConfig?: { readonly maximumPerMinute?: number; readonly exponentialRate?: Exponential };
  readonly abortConfig?: { readonly criteriaList: Criterion[] };
  readonly timeoutConfig?: { readonly inProgressTimeoutInMinutes: number };
}

export interface Criterion {
  readonly failureType: 'FAILED' | 'REJECTED' | 'TIMED_OUT' | 'ALL';
  readonly action: 'CANCEL';
  readonly thresholdPercentage: number;
  readonly minNumberOfExecutedThings: number;
}

/** Executions by status. */
export type Tally = ReadonlyMap<string, number>;

/** True when one of the criteria is met: failures / executed >= threshold, and executed >= minimum. */
export function mustAbort(policy: RolloutPolicy | undefined, tally: Tally): boolean {
  const of = (status: string) => BigInt(tally.get(status) ?? 0);
  const executed = of('SUCCEEDED') + of('FAILED') + of('REJECTED') + of('TIMED_OUT');
  return (policy?.abortConfig?.criteriaList ?? []).some(
    ({ failureType, thresholdPercentage, minNumberOfExecutedThings }) => {
      const kinds = failureType === 'ALL' ? ['FAILED', 'REJECTED', 'TIMED_OUT'] : [failureType];
      const failures = kinds.reduce((sum, kind) => sum + of(kind), 0n);
      const threshold = decimal(thresholdPercentage);
      const reached = failures * 100n * threshold.scale >= threshold.value * executed;
      return failures > 0n && executed >= BigInt(minNumberOfExecutedThings) && reached;
    },
  );
}

/** Devices a minute that may be told now; undefined: as many as there are. */
export function allowedRate(
  policy: RolloutPolicy | undefined,
  notified: number,
  succeeded: number,
): number | undefined {
  const config = policy?.jobExecutionsRolloutConfig;
  if (config?.maximumPerMinute === undefined && config?.exponentialRate === undefined) return undefined;
  const maximum = BigInt(config.maximumPerMinute ?? 1000);
  const exponential = config.exponentialRate;
  if (exponential === undefined) return Number(maximum);
  const { numberOfNotifiedThings: everyNotified, numberOfSucceededThings: everySucceeded } =
    exponential.rateIncreaseCriteria;
  const factor = decimal(exponential.incrementFactor);
  let { value, scale } = { value: BigInt(exponential.baseRatePerMinute), scale: 1n };
  const raises = Math.max(
    everyNotified === undefined ? 0 : Math.floor(notified / everyNotified),
    everySucceeded === undefined ? 0 : Math.floor(succeeded / everySucceeded),
  );
  for (let raise = 0; raise < raises && value < maximum * scale; raise += 1) {
    value *= factor.value;
    scale *= factor.scale;
  }
  const rate = value / scale;
  return Number(rate < maximum ? rate : maximum);
}

/** A decimal as it is written, without a rounding of its own. */
function decimal(number: number): { readonly value: bigint; readonly scale: bigint } {
  const [whole = '0', fraction = ''] = String(number).split('.');
  return { value: BigInt(whole + fraction), scale: 10n ** BigInt(fraction.length) };
}
