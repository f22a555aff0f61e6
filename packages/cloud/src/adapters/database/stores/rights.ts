import type { Certificate, Thing } from '../../../domain/registry/registry.ts';
import type { PolicyReference, RightsStore } from '../../../ports/storage.ts';
import { lookups } from '../rows.ts';
import type { Queries } from '../schema.ts';
import { toCertificate } from './certificates.ts';
import { toThing } from './things.ts';

export function rightsStore(db: Queries): RightsStore {
  async function certificatesOf(ids: readonly string[]): Promise<readonly Certificate[]> {
    const found: Certificate[] = [];
    for (const chunk of lookups(ids)) {
      const rows = await db.selectFrom('certificate').selectAll().where('id', 'in', chunk).execute();
      found.push(...rows.map(toCertificate));
    }
    return found;
  }

  async function thingsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly Thing[]>> {
    const found = new Map<string, Thing[]>();
    for (const chunk of lookups(ids)) {
      const rows = await db
        .selectFrom('thing_principal')
        .innerJoin('thing', 'thing.name', 'thing_principal.thing')
        .selectAll('thing')
        .select('thing_principal.certificate_id')
        .where('thing_principal.certificate_id', 'in', chunk)
        .orderBy('thing.name')
        .execute();
      for (const row of rows) add(found, row.certificate_id, toThing(row));
    }
    return found;
  }

  /** Groups of things, and every group above those. */
  async function groupsOf(things: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map<string, string[]>();
    for (const chunk of lookups(things)) {
      const rows = await db
        .selectFrom('membership')
        .innerJoin('group_path', 'group_path.descendant', 'membership.group_name')
        .select(['membership.thing', 'group_path.ancestor'])
        .where('membership.thing', 'in', chunk)
        .execute();
      for (const row of rows) add(found, row.thing, row.ancestor);
    }
    return found;
  }

  async function attachedTo(targets: readonly string[]): Promise<ReadonlyMap<string, readonly PolicyReference[]>> {
    const found = new Map<string, PolicyReference[]>();
    for (const chunk of lookups(targets)) {
      const rows = await db
        .selectFrom('policy_target')
        .innerJoin('policy', 'policy.name', 'policy_target.policy')
        .innerJoin('policy_version', (join) =>
          join
            .onRef('policy_version.policy', '=', 'policy.name')
            .onRef('policy_version.version', '=', 'policy.default_version'),
        )
        .select(['policy_target.target', 'policy.name', 'policy_version.version', 'policy_version.created_at'])
        .where('policy_target.target', 'in', chunk)
        .orderBy('policy.name')
        .execute();
      for (const row of rows)
        add(found, row.target, { name: row.name, version: row.version, createdAt: row.created_at });
    }
    return found;
  }

  return {
    async ofCertificates(ids, targets) {
      const certificates = await certificatesOf(ids);
      const things = await thingsOf(ids);
      const groups = await groupsOf([...things.values()].flatMap((list) => list.map(({ name }) => name)));
      const groupNames = new Set([...groups.values()].flat());
      const policies = await attachedTo([
        ...certificates.map(({ id }) => targets.certificate(id)),
        ...[...groupNames].map((name) => targets.group(name)),
      ]);
      return new Map(
        certificates.map((certificate) => {
          const attached = things.get(certificate.id) ?? [];
          const names = new Set(attached.flatMap(({ name }) => groups.get(name) ?? []));
          const inherited = new Map<string, PolicyReference>();
          for (const name of names) {
            for (const policy of policies.get(targets.group(name)) ?? []) inherited.set(policy.name, policy);
          }
          const own = policies.get(targets.certificate(certificate.id)) ?? [];
          const rights = { certificate, things: attached, policies: own, groupPolicies: [...inherited.values()] };
          return [certificate.id, rights] as const;
        }),
      );
    },

    async documents(references) {
      const found = new Map<string, string>();
      for (const chunk of lookups(references.map(({ name }) => name))) {
        const rows = await db.selectFrom('policy_version').selectAll().where('policy', 'in', chunk).execute();
        for (const row of rows) found.set(`${row.policy}/${row.version}/${row.created_at}`, row.document);
      }
      return references.map(({ name, version, createdAt }) => found.get(`${name}/${version}/${createdAt}`));
    },
  };
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
