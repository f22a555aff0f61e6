import type { Migration } from './migration.ts';

/** Dynamic thing groups, thing types, and what the fleet index knows besides the registry and the shadows. */
export const fleetIndex: Migration = {
  number: 9,
  name: 'fleet-index',
  statements: ({ text }) => [
    `alter table thing_group add column query ${text}`,
    // Up to which thing, by name, the members of the group have been found; null when all are.
    `alter table thing_group add column built_up_to ${text}`,
    'create index thing_group_dynamic on thing_group (name) where query is not null',
    `create table dynamic_group_source (group_name ${text} not null references thing_group (name),
      source ${text} not null, primary key (group_name, source))`,
    'create index dynamic_group_source_by_source on dynamic_group_source (source)',
    // Things whose dynamic groups are to be found anew.
    `create table thing_change (thing ${text} not null, source ${text} not null, primary key (thing, source))`,
    `create table thing_connection (thing ${text} primary key, connected integer not null, changed_at bigint not null,
      disconnect_reason ${text})`,
    'create index thing_connection_live on thing_connection (thing) where connected = 1',
    `create table indexing_configuration (document ${text} not null)`,

    `create table thing_type (name ${text} primary key, id ${text} not null, description ${text},
      searchable_attributes ${text} not null, created_at bigint not null, deprecated_at bigint)`,
  ],
};
