/** One measured figure: all its samples, and what it is held against. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  /** What the figure is to be compared with, measured in the same run or expected. */
  readonly comparedWith: string;
}

/** The middle sample; the mean of the two middle ones of an even number. */
function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The figures as a table of plain text. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, unit, samples, comparedWith }) => [
    name,
    rounded(median(samples)),
    `${rounded(Math.min(...samples))} to ${rounded(Math.max(...samples))} (n=${samples.length})`,
    unit,
    comparedWith,
  ]);
  const all = [['name', 'median', 'spread', 'unit', 'compared with'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
