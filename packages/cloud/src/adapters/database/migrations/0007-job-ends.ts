import type { Migration } from './migration.ts';

/**
 * Jobs end, and are deleted, in one row; their executions follow in small batches. Tasks of several replicas take leases. Jobs
 * that nothing can abort are not looked at for it.
 */
export const jobEnds: Migration = {
  number: 7,
  name: 'job-ends',
  statements: ({ text }) => [
    `create table job_end (job_id ${text} primary key references job (id), ended_at bigint not null,
      forced integer not null, deleted integer not null)`,
    'create index job_end_by_time on job_end (ended_at, job_id)',
    `create table lease (name ${text} primary key, holder ${text} not null, ends_at bigint not null)`,
    `alter table job add column retry_after ${text}`,
    'alter table job add column may_abort integer not null default 0',
    `update job set may_abort = 1 where configuration like '%"abortConfig"%'`,
  ],
};
