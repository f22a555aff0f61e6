import type { Migration } from './migration.ts';

/**
 * What devices get besides deployments: credentials by role aliases, the core devices that clients may discover;
 * and what they tell of their machines.
 */
export const deviceServices: Migration = {
  number: 4,
  name: 'device-services',
  statements: ({ text }) => [
    `create table role_alias (name ${text} primary key, role_arn ${text} not null, credential_seconds integer not null,
      created_at bigint not null, updated_at bigint not null)`,
    `create table connectivity (thing ${text} primary key, version ${text} not null, endpoints ${text} not null)`,
    `create table client_device (core ${text} not null, thing ${text} not null, associated_at bigint not null,
      primary key (core, thing))`,
    'create index client_device_by_thing on client_device (thing, core)',
    `create table telemetry (thing ${text} primary key, message ${text} not null, received_at bigint not null)`,
    `create table service_role (role_arn ${text} not null, associated_at bigint not null)`,
  ],
};
