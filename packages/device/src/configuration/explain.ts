import type { Json } from '@greensward/kit';
import {
  type ConfigurationTree,
  formatPointer,
  leavesOf,
  type PlacedLeaf,
  parsePointer,
  parseSource,
} from '@greensward/model/configuration';
import type { ComponentSet } from '../store/records.ts';

/** One leaf of a component's configuration, and where it is from. */
export interface ExplainedLeaf {
  readonly component: string;
  /** JSON pointer; `""` is never one of a leaf. */
  readonly pointer: string;
  readonly value: Json;
  readonly source: ReturnType<typeof parseSource>;
  /** Epoch ms of the write; null when an earlier runtime did not keep it. */
  readonly writtenAt: number | null;
  /** Deployments that wanted another value and lost: what is here was written later. */
  readonly overruled: readonly { readonly deploymentId: string; readonly timestamp: number }[];
}

const secret = '***';

/**
 * Every leaf of every component, or of one, or below one pointer. `file` is what config.yaml says of the runtime itself, over which
 * deployments write. Passwords of a proxy are not shown.
 */
export function explainConfiguration(
  set: ComponentSet,
  nucleus: { readonly component: string; readonly file: ConfigurationTree },
  about: { readonly component?: string; readonly pointer?: string } = {},
): readonly ExplainedLeaf[] {
  const prefix = parsePointer(about.pointer ?? '').map((key) => key.toLowerCase());
  const names = [...new Set([...set.keys(), nucleus.component])].sort();
  return names
    .filter((name) => about.component === undefined || name === about.component)
    .flatMap((component) => {
      const entry = set.get(component);
      const own = component === nucleus.component;
      const leaves = own ? over(nucleus.file, entry?.configuration) : entry && leavesOf(entry.configuration);
      return (leaves ?? [])
        .filter(({ path }) => prefix.every((key, index) => path[index]?.toLowerCase() === key))
        .map(({ path, leaf }): ExplainedLeaf => {
          const pointer = formatPointer(path);
          const lost = (entry?.overruled ?? []).filter((key) => covers(key.pointer, pointer));
          return {
            component,
            pointer,
            value: own ? withoutSecret(path, leaf.value) : leaf.value,
            source: parseSource(leaf.source),
            writtenAt: leaf.writtenAt ?? null,
            overruled: lost.map(({ deploymentId, timestamp }) => ({ deploymentId, timestamp })),
          };
        });
    });
}

/** Lines for a person; times in UTC. */
export function explainText(leaves: readonly ExplainedLeaf[]): string {
  const lines = leaves.flatMap(({ component, pointer, value, source, writtenAt, overruled }) => [
    `${component} ${pointer} = ${JSON.stringify(value)}`,
    `    ${sourceText(source)}${writtenAt === null ? '' : `, ${timeText(writtenAt)}`}`,
    ...overruled.map(
      ({ deploymentId, timestamp }) =>
        `    deployment ${deploymentId} of ${timeText(timestamp)} wanted another value: this one was written later`,
    ),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

/** What deployments set, and of the file what none of that hides. */
function over(file: ConfigurationTree, deployed: ConfigurationTree | undefined): readonly PlacedLeaf[] {
  const set = deployed === undefined ? [] : leavesOf(deployed);
  const hidden = (leaf: PlacedLeaf) => {
    const pointer = formatPointer(leaf.path);
    return set.some(({ path }) => covers(formatPointer(path), pointer) || covers(pointer, formatPointer(path)));
  };
  return [...leavesOf(file).filter((leaf) => !hidden(leaf)), ...set];
}

/** True when one pointer is the other, or leads to it. */
function covers(outer: string, inner: string): boolean {
  const [a, b] = [outer.toLowerCase(), inner.toLowerCase()];
  return a === b || b.startsWith(`${a}/`);
}

function withoutSecret(path: readonly string[], value: Json): Json {
  const pointer = formatPointer(path).toLowerCase();
  if (pointer === '/networkproxy/proxy/password') return secret;
  if (pointer !== '/networkproxy/proxy/url' || typeof value !== 'string') return value;
  return value.replace(/^([^/]*\/\/)?[^/@]*@/, (_all, scheme: string | undefined) => `${scheme ?? ''}${secret}@`);
}

function sourceText(source: ExplainedLeaf['source']): string {
  switch (source.kind) {
    case 'default':
      return `default of the recipe${source.version === '' ? '' : ` of version ${source.version}`}`;
    case 'deployment':
      return `deployment ${source.id}${source.configurationArn === '' ? '' : ` (${source.configurationArn})`}`;
    case 'file':
      return source.name;
    case 'local':
      return `local change by ${source.by}`;
    case 'ipc':
      return `UpdateConfiguration of ${source.component}`;
  }
}

function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
