import type { CurvePoint } from './curve.ts';
import type { DeviceState, RatePhase } from './forecast.ts';
import type { ForecastSpread } from './spread.ts';
import type { ForecastSummary, Times } from './summary.ts';

const rows = 12;
const shownPhases = 8;

/** What marks a device's state in the chart, from the bottom up. */
const marks: readonly (readonly [mark: string, what: string, states: readonly DeviceState[]])[] = [
  ['#', 'succeeded', ['SUCCEEDED']],
  ['x', 'failed, rejected, timed out', ['FAILED', 'REJECTED', 'TIMED_OUT']],
  ['o', 'in progress', ['IN_PROGRESS']],
  ['.', 'queued', ['QUEUED']],
];

/** The forecast for people: the chart of the first run, its times, and the spread over all runs. */
export function reportOf(summary: ForecastSummary, curve: readonly CurvePoint[], spread: ForecastSpread): string {
  return [
    ...chart(curve, summary.devices),
    '',
    ...table(summary),
    '',
    ...phaseLines(summary.phases),
    `most notified within any minute: ${summary.peakPerMinute}`,
    ...endLines(summary),
    ...spreadLines(spread),
  ].join('\n');
}

/** A column a moment, a row a share of what was notified in the end: stacked, so that the upper edge is what was notified. */
function chart(curve: readonly CurvePoint[], devices: number): string[] {
  const top = Math.max(1, ...curve.map(({ states }) => devices - states.WAITING));
  const columns = curve.map(({ states }) => columnOf(states, top));
  const lines = Array.from({ length: rows }, (_, index) => {
    const row = rows - 1 - index;
    const label = row % 3 === 2 ? String(Math.round(((row + 1) / rows) * top)) : '';
    return `${label.padStart(7)} |${columns.map((column) => column[row] ?? ' ').join('')}`.trimEnd();
  });
  const indent = ''.padStart(7);
  const last = duration(curve.at(-1)?.at ?? 0);
  const times = `${indent}  0${last.padStart(Math.max(1, curve.length - 1))}`;
  const legend = `${indent}  ${marks.map(([mark, what]) => `${mark} ${what}`).join('   ')}`;
  return [...lines, `${indent} +${'-'.repeat(curve.length)}`, times, legend];
}

function columnOf(states: CurvePoint['states'], top: number): string {
  let column = '';
  let below = 0;
  for (const [mark, , of] of marks) {
    const count = of.reduce((sum, state) => sum + states[state], 0);
    below += count;
    column = column.padEnd(Math.round((below / top) * rows), mark);
    // A few failures among a hundred thousand devices are what one looks for.
    if (mark === 'x' && count > 0 && !column.includes('x')) column = `${column.slice(0, rows - 1)}x`;
  }
  return column.slice(0, rows);
}

function table({ notified, ended, succeeded }: ForecastSummary): string[] {
  const row = (name: string, { p50, p95, p100 }: Times) =>
    [name.padEnd(12), ...[p50, p95, p100].map((at) => time(at).padStart(14))].join('').trimEnd();
  return [
    `${'devices'.padEnd(12)}${['50 %', '95 %', '100 %'].map((text) => text.padStart(14)).join('')}`,
    row('notified', notified),
    row('ended', ended),
    row('succeeded', succeeded),
  ];
}

function phaseLines(phases: readonly RatePhase[]): string[] {
  const rate = ({ perMinute }: RatePhase) => (perMinute === undefined ? 'no limit' : `${perMinute} a minute`);
  const lines = phases.slice(0, shownPhases).map((phase) => `rate from ${duration(phase.at)}: ${rate(phase)}`);
  const left = phases.length - lines.length;
  const last = phases.at(-1);
  return left > 0 && last !== undefined
    ? [...lines, `... ${left} more, the last from ${duration(last.at)}: ${rate(last)}`]
    : lines;
}

function endLines({ states, overAt, settled, abort }: ForecastSummary): string[] {
  const counts = Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state === 'WAITING' ? 'not notified' : state}`);
  return [
    ...(abort === undefined
      ? ['not aborted']
      : [`aborted after ${duration(abort.at)}, when ${abort.reached} devices had begun: ${abort.reason}`]),
    `over after ${duration(overAt)}: ${counts.join(', ')}${settled ? '' : '; what never ends keeps the rollout from settling'}`,
  ];
}

function spreadLines({ runs, aborted, unsettled, overAt, failures, reached, abortedAt }: ForecastSpread): string[] {
  if (runs < 2) return [];
  const pair = (name: string, { median, worst }: { median: number; worst: number }, of: (value: number) => string) =>
    `  ${name}: median ${of(median)}, worst ${of(worst)}`;
  return [
    '',
    `over ${runs} seeds: ${aborted} aborted${unsettled > 0 ? `, ${unsettled} never settle` : ''}`,
    pair('over after', overAt, duration),
    pair('devices that fail', failures, String),
    ...(abortedAt === undefined ? [] : [pair('aborted after', abortedAt, duration)]),
    ...(reached === undefined ? [] : [pair('begun at the abort', reached, String)]),
  ];
}

function time(at: number | undefined): string {
  return at === undefined ? 'never' : duration(at);
}

/** As two units at most: `2 d 3 h`, `1 h 40 m`, `90 s` as `1 m 30 s`, `2.5 s`. */
export function duration(ms: number): string {
  if (ms < 60_000) return ms % 1000 === 0 ? `${ms / 1000} s` : `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
