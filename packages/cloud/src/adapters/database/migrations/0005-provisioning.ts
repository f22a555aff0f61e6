import type { Migration } from './migration.ts';

/** Fleet provisioning: templates with their versions, and the certificates of claims. */
export const provisioning: Migration = {
  number: 5,
  name: 'provisioning',
  statements: ({ text }) => [
    `create table provisioning_template (name ${text} primary key, description ${text}, enabled integer not null,
      role_arn ${text} not null, default_version integer not null, last_version integer not null,
      created_at bigint not null, updated_at bigint not null)`,
    `create table provisioning_template_version (template ${text} not null references provisioning_template (name),
      version integer not null, body ${text} not null, created_at bigint not null, primary key (template, version))`,
    `create table provisioning_claim (certificate_id ${text} primary key references certificate (id),
      template ${text} not null, expires_at bigint not null)`,
    'create index provisioning_claim_by_expiry on provisioning_claim (expires_at)',
    `create index certificate_pending on certificate (created_at) where status = 'PENDING_ACTIVATION'`,
  ],
};
