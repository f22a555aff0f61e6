import { sameJson } from '../json-tools.ts';
import type { ConfigurationLeaf, ConfigurationNode, ConfigurationTree } from './configuration.ts';

/** A leaf and where it is. */
export interface PlacedLeaf {
  /** Keys from the root, as first spelled. */
  readonly path: readonly string[];
  readonly leaf: ConfigurationLeaf;
}

/** Every leaf of the tree, in the order of its keys. An empty object has none. */
export function leavesOf(tree: ConfigurationTree, path: readonly string[] = []): readonly PlacedLeaf[] {
  return Object.values(tree.children).flatMap((node) =>
    'children' in node
      ? leavesOf(node, [...path, node.name])
      : [{ path: [...path, node.name], leaf: node } satisfies PlacedLeaf],
  );
}

/**
 * Paths of the leaves whose value differs between two trees: written, changed or removed. Of an object that went or became a leaf,
 * its own path. What only got another timestamp or source, and a container that came without a value, is no change.
 */
export function changedPaths(before: ConfigurationTree, after: ConfigurationTree): readonly (readonly string[])[] {
  return changesBelow(before, after, []);
}

function changesBelow(
  before: ConfigurationTree,
  after: ConfigurationTree,
  path: readonly string[],
): readonly (readonly string[])[] {
  const changes: (readonly string[])[] = [];
  for (const key of new Set([...Object.keys(before.children), ...Object.keys(after.children)])) {
    const old = own(before, key);
    const now = own(after, key);
    const at = [...path, (now ?? old)?.name ?? key];
    if (now === undefined) changes.push(at);
    else if ('children' in now) {
      if (old !== undefined && !('children' in old)) changes.push(at);
      const empty: ConfigurationTree = { name: '', timestamp: 0, children: {} };
      changes.push(...changesBelow(old !== undefined && 'children' in old ? old : empty, now, at));
    } else if (old === undefined || 'children' in old || !sameJson(old.value, now.value)) changes.push(at);
  }
  return changes;
}

function own(tree: ConfigurationTree, key: string): ConfigurationNode | undefined {
  return Object.hasOwn(tree.children, key) ? tree.children[key] : undefined;
}
