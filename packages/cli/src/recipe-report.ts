import type { Finding } from '@greensward/model/recipe';

/** What `sward recipe check` found in one file. */
export interface RecipeReport {
  readonly file: string;
  /** True without an error; warnings and extensions do not count. */
  readonly valid: boolean;
  readonly componentName: string | undefined;
  readonly componentVersion: string | undefined;
  readonly findings: readonly Finding[];
}

/** The report as text, one finding a line in the form that editors jump to, and a last line that sums it up. */
export function reportLines({ file, valid, componentName, componentVersion, findings }: RecipeReport): string[] {
  const lines = findings.map(({ severity, line, path, message }) => {
    const place = line === undefined ? file : `${file}:${line}`;
    return `${place}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`;
  });
  const counts = (['error', 'warning', 'extension'] as const).map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? undefined : `${count} ${severity}${count === 1 ? '' : 's'}`;
  });
  const summary = counts.filter((count) => count !== undefined).join(', ');
  const what = valid ? `${componentName} ${componentVersion} is a valid recipe` : 'not a valid recipe';
  return [...lines, `${file}: ${what}${summary === '' ? '' : ` (${summary})`}`];
}
