import type { FleetQuery } from './query.ts';

/** The part of a thing's document that a query looks at; a shadow by its name, `*` for any of them. */
export type QuerySource = 'registry' | 'groups' | 'connectivity' | `shadow/${string}`;

/** The sources that the answer of a query depends on, besides whether the thing exists. */
export function sourcesOf(query: FleetQuery): ReadonlySet<QuerySource> {
  const found = new Set<QuerySource>();
  collect(query, found);
  return found;
}

function collect(query: FleetQuery, found: Set<QuerySource>): void {
  if (query.kind === 'not') collect(query.of, found);
  else if (query.kind !== 'term') for (const each of query.of) collect(each, found);
  else if (query.field !== undefined) {
    const source = sourceOf(query.field);
    if (source !== undefined) found.add(source);
  } else if (query.test.kind !== 'present') {
    for (const source of ['registry', 'groups', 'shadow/*'] as const) found.add(source);
  }
}

/** Undefined for a field that no thing has. */
function sourceOf(field: string): QuerySource | undefined {
  const [head, second, third = ''] = (field.startsWith('registry.') ? field.slice('registry.'.length) : field).split(
    '.',
  );
  switch (head) {
    case 'thingName':
    case 'thingId':
    case 'thingTypeName':
    case 'attributes':
      return 'registry';
    case 'thingGroupNames':
      return 'groups';
    case 'connectivity':
      return 'connectivity';
    case 'shadow':
      return second === 'name' ? `shadow/${third}` : 'shadow/';
    default:
      return undefined;
  }
}
