import type { Migration } from './migrations.ts';

/** What devices get besides deployments: credentials by role aliases. */
export const deviceServices: Migration = {
  number: 4,
  name: 'device-services',
  statements: ({ text }) => [
    `create table role_alias (name ${text} primary key, role_arn ${text} not null, credential_seconds integer not null,
      created_at bigint not null, updated_at bigint not null)`,
  ],
};
