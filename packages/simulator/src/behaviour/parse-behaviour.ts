import { Fault } from '@greensward/kit';
import type { Behaviour, Range } from './behaviour.ts';

/** The options of a behaviour as they are written; what is left out does not happen. */
export interface BehaviourOptions {
  readonly 'failure-rate'?: string | undefined;
  readonly 'reject-rate'?: string | undefined;
  readonly 'timeout-rate'?: string | undefined;
  readonly latency?: string | undefined;
  readonly offline?: string | undefined;
}

const hour = 3_600_000;
const units: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', hour],
  ['d', 24 * hour],
]);
const maxMs = 366 * 24 * hour;

/** What the options say. Throws `Usage`, naming the option. */
export function parseBehaviour(options: BehaviourOptions): Behaviour {
  const [offlineRate = '0', offlineFor, ...more] = (options.offline ?? '0').split(':');
  if (more.length > 0) throw usage('offline', 'a share and a time such as 10%:8h is expected', options.offline);
  const behaviour = {
    failureRate: parseShare('failure-rate', options['failure-rate'] ?? '0'),
    rejectionRate: parseShare('reject-rate', options['reject-rate'] ?? '0'),
    silentRate: parseShare('timeout-rate', options['timeout-rate'] ?? '0'),
    latencyMs: parseRange('latency', options.latency ?? '20s..2m'),
    offlineRate: parseShare('offline', offlineRate),
    offlineMs: parseRange('offline', offlineFor ?? '0s..8h'),
  };
  // 33 %, 56 % and 11 % are all devices, and as binary fractions a little more.
  if (behaviour.failureRate + behaviour.rejectionRate + behaviour.silentRate > 1 + 1e-9) {
    throw new Fault(
      'Usage',
      '--failure-rate, --reject-rate and --timeout-rate: together they are more than all devices',
    );
  }
  return behaviour;
}

/** `5%` or `0.05`. */
function parseShare(option: string, text: string): number {
  const [, digits, percent] = text.match(/^(\d{1,9}(?:\.\d{1,9})?)(%?)$/) ?? [];
  const share = Number(digits) / (percent === '%' ? 100 : 1);
  if (!(share >= 0 && share <= 1)) throw usage(option, 'a share from 0 to 1, or from 0% to 100%, is expected', text);
  return share;
}

/** `30s`, or from the shortest to the longest: `20s..3m`. */
function parseRange(option: string, text: string): Range {
  const [first = '', last = first, ...more] = text.split('..');
  const range = { min: parseDuration(option, first, text), max: parseDuration(option, last, text) };
  if (more.length > 0 || range.min > range.max) {
    throw usage(option, 'a time such as 30s, or the shortest and the longest such as 20s..3m, is expected', text);
  }
  return range;
}

function parseDuration(option: string, text: string, whole: string): number {
  const [, digits, unit = ''] = text.match(/^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/) ?? [];
  const ms = Math.round(Number(digits) * (units.get(unit) ?? Number.NaN));
  if (!(ms <= maxMs)) throw usage(option, 'a time in ms, s, m, h or d, of at most a year, is expected', whole);
  return ms;
}

function usage(option: string, expected: string, found: string | undefined): Fault {
  return new Fault('Usage', `--${option}: ${expected}, and not ${JSON.stringify(found)}`);
}
