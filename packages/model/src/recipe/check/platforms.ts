import { fullMatch } from '../../platform/regex.ts';
import type { Reader } from '../reader.ts';
import type { Recipe } from '../types.ts';
import type { Report } from './findings.ts';

const VALUES: ReadonlyMap<string, readonly string[]> = new Map([
  ['os', ['linux', 'windows', 'darwin', 'unknown', 'all', 'any']],
  ['architecture', ['amd64', 'x86', 'arm', 'aarch64', 'unknown', 'all', 'any']],
  ['architecture.detail', ['armv6l', 'armv7l', 'armv8l', 'armv6b', 'armv7b', 'armv8b']],
]);

/** Templates that match no device, and manifests that none ever gets to. */
export function checkPlatforms(root: Reader, _recipe: Recipe, report: Report): void {
  let catchAll: number | undefined;
  for (const [index, manifest] of root.children('Manifests').entries()) {
    if (catchAll !== undefined) {
      const problem = `no device gets here: manifest ${catchAll} accepts every one, and the first that fits is taken`;
      report('warning', manifest, problem);
    }
    const templates = manifest.entries('Platform');
    for (const [name, template] of templates) {
      if (typeof template.value !== 'string') continue;
      const problem = templateProblem(name, template.value);
      if (problem !== undefined) report('warning', template, problem);
    }
    if (templates.every(([, { value }]) => value === null || value === '*')) catchAll ??= index;
  }
}

function templateProblem(name: string, template: string): string | undefined {
  if (template === '*') return undefined;
  if (template.length >= 2 && template.startsWith('/') && template.endsWith('/')) {
    const { reason } = fullMatch(template.slice(1, -1), '');
    return reason === undefined ? undefined : `${template} matches nothing: ${reason}`;
  }
  if (!/^[A-Za-z0-9]/.test(template)) return `${JSON.stringify(template)} matches nothing: this syntax is reserved`;
  const values = VALUES.get(name);
  if (values === undefined || values.includes(template)) return undefined;
  return `${template} is the ${name} of no device; they are, in this case, ${values.join(', ')}`;
}
