import type { DeploymentDocument } from '@greensward/model/deployment-document';
import type { Root } from '@greensward/model/resolve';
import type { GroupRecord } from '../store/records.ts';

/** Group of what was deployed on the device itself; it is never left. */
export const localGroup = 'LOCAL_DEPLOYMENT';

/**
 * The groups as they are once this document is applied: its own group replaced, groups that the device has left dropped.
 * `membership` names the device's thing groups (`denied`: the cloud would not say, so nothing is dropped).
 */
export function groupsAfter(
  document: DeploymentDocument,
  group: string,
  before: ReadonlyMap<string, GroupRecord>,
  membership: readonly string[] | 'denied',
): Readonly<Record<string, GroupRecord>> {
  const members = membership === 'denied' ? undefined : new Set(membership.map((name) => `thinggroup/${name}`));
  const stays = (name: string) =>
    name.startsWith('thing/') || name === localGroup || members === undefined || members.has(name);
  const kept = [...before].filter(([name]) => name !== group && stays(name));
  const roots = Object.fromEntries(Object.entries(document.components).map(([name, { version }]) => [name, version]));
  const own: GroupRecord = {
    roots,
    configurationArn: document.configurationArn,
    // A device whose clock is ahead must not make the next deployment of the cloud look late.
    timestamp: document.local === undefined ? document.creationTimestamp : (before.get(group)?.timestamp ?? 0),
  };
  return Object.fromEntries([...kept, [group, own]]);
}

/** Every root of every group. */
export function rootsOf(groups: Readonly<Record<string, GroupRecord>>): readonly Root[] {
  return Object.entries(groups).flatMap(([requirer, record]) =>
    Object.entries(record.roots).map(([component, version]) => ({ component, requirement: `==${version}`, requirer })),
  );
}

/** True when a group has already run a newer document: this one came late and is refused. */
export function isStale(document: DeploymentDocument, last: GroupRecord | undefined): boolean {
  return last !== undefined && document.creationTimestamp < last.timestamp;
}

/**
 * The configuration ARNs behind each component: those of the groups whose roots lead to it. `dependencies` gives the
 * direct dependencies of a component of the set.
 */
export function sourcesOf(
  groups: Readonly<Record<string, GroupRecord>>,
  dependencies: (component: string) => Iterable<string>,
): ReadonlyMap<string, readonly string[]> {
  const sources = new Map<string, string[]>();
  for (const { roots, configurationArn } of Object.values(groups)) {
    const reached = new Set<string>();
    const visit = (component: string) => {
      if (reached.has(component)) return;
      reached.add(component);
      for (const dependency of dependencies(component)) visit(dependency);
    };
    for (const component of Object.keys(roots)) visit(component);
    for (const component of reached) sources.set(component, [...(sources.get(component) ?? []), configurationArn]);
  }
  return sources;
}
