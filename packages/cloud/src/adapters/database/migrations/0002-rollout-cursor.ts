import type { Migration } from './migration.ts';

/**
 * A rollout keeps how far it has come through the members of its target, so that a job is made without a row for each of
 * them: `job_waiting` holds only those who join later. Executions keep what the device told in full of how they ended.
 */
export const rolloutCursor: Migration = {
  number: 2,
  name: 'rollout-cursor',
  statements: ({ text }) => [
    `alter table job add column rollout_after ${text}`,
    // Rollouts under way look at all members once more: those that have an execution are passed over.
    `update job set rollout_after = '' where status = 'IN_PROGRESS' and carrier = 'job'`,
    `delete from job_waiting where joined_at <= (select created_at from job where job.id = job_waiting.job_id)`,
    'drop index job_waiting_by_time',
    'alter table job_waiting drop column joined_at',
    `alter table execution add column outcome ${text}`,
    'create index deployment_target_by_parent on deployment_target (parent_target_arn, target_arn)',
  ],
};
