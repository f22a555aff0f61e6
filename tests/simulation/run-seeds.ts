import { Worker } from 'node:worker_threads';
import type { Sight } from './observer.ts';
import type { SeedReport } from './run-seed.ts';

/** What many seeds saw: in how many of them each thing happened. */
export interface Summary {
  readonly seeds: number;
  readonly sights: ReadonlyMap<Sight, number>;
  /** In the order in which they were found. */
  readonly failures: readonly SeedReport[];
}

/**
 * Runs the seeds in as many threads, until there are none or `enough` says so of what came so far. A seed is the same whichever
 * thread runs it.
 */
export async function runSeeds(
  seeds: Iterator<number>,
  { threads, enough = () => false }: { readonly threads: number; readonly enough?: (summary: Summary) => boolean },
): Promise<Summary> {
  const sights = new Map<Sight, number>();
  const failures: SeedReport[] = [];
  let count = 0;
  const summary = () => ({ seeds: count, sights, failures });
  const next = (): number | null => {
    if (enough(summary())) return null;
    const { done, value } = seeds.next();
    return done === true ? null : value;
  };
  const runOne = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('./seed-worker.ts', import.meta.url));
      worker.once('error', reject);
      worker.once('exit', () => resolve());
      worker.on('message', (report: SeedReport) => {
        count += 1;
        for (const sight of Object.keys(report.sights))
          sights.set(sight as Sight, (sights.get(sight as Sight) ?? 0) + 1);
        if (report.failure !== undefined) failures.push(report);
        worker.postMessage(next());
      });
      worker.postMessage(next());
    });
  await Promise.all(Array.from({ length: threads }, runOne));
  return summary();
}

export function* range(first: number, last: number): Generator<number, undefined> {
  for (let seed = first; seed <= last; seed += 1) yield seed;
}

/** One line: how many of the seeds saw what. */
export function describeSights({ seeds, sights }: Summary): string {
  const seen = [...sights].sort(([a], [b]) => (a < b ? -1 : 1)).map(([sight, count]) => `${sight} ${count}`);
  return `${seeds} seeds, of which so many saw: ${seen.join(', ')}`;
}

/** What a person needs of a seed that broke a rule. */
export function describeFailure({ seed, failure, lines }: SeedReport, shown = 60): string {
  const tail = failure?.tail.slice(-shown) ?? [];
  const head = lines > tail.length ? [`... ${lines - tail.length} lines before`] : [];
  return [
    `seed ${seed}: ${failure?.message ?? 'no rule was broken'}`,
    ...head,
    ...tail,
    `again: npm run simulate -- --seed ${seed}`,
  ].join('\n');
}
