import type { Migration } from './migration.ts';

/**
 * Policies get versions: what a policy said until now is its version 1. Certificates remember the registered authority that
 * issued them, and whether they were registered without one.
 */
export const policiesAndAuthorities: Migration = {
  number: 3,
  name: 'policies-and-authorities',
  statements: ({ text }) => [
    `create table policy_version (policy ${text} not null references policy (name), version integer not null,
      document ${text} not null, created_at bigint not null, primary key (policy, version))`,
    'insert into policy_version select name, 1, document, created_at from policy',
    'alter table policy drop column document',
    'alter table policy add column default_version integer not null default 1',
    // The highest number ever given: one that was deleted is not given again.
    'alter table policy add column last_version integer not null default 1',
    'alter table policy add column updated_at bigint not null default 0',
    'update policy set updated_at = created_at',

    `create table ca_certificate (id ${text} primary key, pem ${text} not null, subject ${text} not null,
      status ${text} not null, mode ${text} not null, created_at bigint not null, updated_at bigint not null)`,
    'create index ca_certificate_by_age on ca_certificate (created_at, id)',
    'create index ca_certificate_by_subject on ca_certificate (subject)',
    `alter table certificate add column ca_id ${text}`,
    `alter table certificate add column mode ${text} not null default 'DEFAULT'`,
    'create index certificate_by_ca on certificate (ca_id, created_at, id)',
  ],
};
