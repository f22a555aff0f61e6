import type { Migration } from './migration.ts';

/** What happened to deployments, jobs and executions; who changed what; and the causes of failures, counted. */
export const history: Migration = {
  number: 8,
  name: 'history',
  statements: ({ text }) => [
    `create table event (sequence bigint primary key, at bigint not null, subject ${text} not null,
      deployment_id ${text} not null, job_id ${text} not null, thing ${text}, number integer,
      from_status ${text}, to_status ${text} not null, reason ${text})`,
    'create index event_by_deployment on event (deployment_id, sequence)',
    'create index event_by_thing on event (thing, sequence) where thing is not null',
    // One row: numbers go on when every event has been pruned.
    'create table event_counter (id integer primary key, last bigint not null)',
    'insert into event_counter (id, last) values (1, 0)',

    `create table audit (request_id ${text} primary key, at bigint not null, caller ${text} not null,
      operation ${text} not null, target ${text} not null)`,
    'create index audit_by_age on audit (at, request_id)',

    `create table job_failure (job_id ${text} not null references job (id), id integer not null,
      status ${text} not null, error_code ${text} not null, cause ${text} not null, devices integer not null,
      primary key (job_id, id))`,
    `create table execution_failure (job_id ${text} not null references job (id), thing ${text} not null,
      failure_id integer not null, primary key (job_id, thing))`,
    'create index execution_failure_by_cause on execution_failure (job_id, failure_id, thing)',
  ],
};
