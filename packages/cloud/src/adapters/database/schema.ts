import type { Kysely, Transaction } from 'kysely';
import type { ComponentState } from '../../domain/components/component.ts';
import type { DeploymentStatus } from '../../domain/deployment/deployment.ts';
import type { EventSubject } from '../../domain/history/event.ts';
import type { FailureStatus } from '../../domain/history/failure-cause.ts';
import type { ExecutionStatus, JobStatus } from '../../domain/jobs/job.ts';
import type { CaStatus, CertificateMode, CertificateStatus } from '../../domain/registry/registry.ts';

// One schema for SQLite and PostgreSQL. Text compares and sorts by its UTF-8 bytes; times are integer epoch ms;
// a boolean is 0 or 1; what no query looks into is JSON text.

export type Flag = 0 | 1;

export interface ThingRow {
  name: string;
  id: string;
  attributes: string;
  type_name: string | null;
  version: number;
  created_at: number;
}

export interface GroupRow {
  name: string;
  id: string;
  description: string | null;
  attributes: string;
  parent: string | null;
  version: number;
  created_at: number;
  /** Of a dynamic group. */
  query: string | null;
  built_up_to: string | null;
}

export interface ThingTypeRow {
  name: string;
  id: string;
  description: string | null;
  searchable_attributes: string;
  created_at: number;
  deprecated_at: number | null;
}

export interface CertificateRow {
  id: string;
  pem: string;
  status: CertificateStatus;
  ca_id: string | null;
  mode: CertificateMode;
  created_at: number;
  updated_at: number;
}

export interface CaCertificateRow {
  id: string;
  pem: string;
  subject: string;
  status: CaStatus;
  mode: CertificateMode;
  created_at: number;
  updated_at: number;
}

export interface PolicyRow {
  name: string;
  default_version: number;
  /** The highest number ever given. */
  last_version: number;
  created_at: number;
  updated_at: number;
}

export interface ComponentRow {
  name: string;
  version: string;
  recipe: string;
  recipe_format: 'JSON' | 'YAML';
  publisher: string | null;
  description: string | null;
  platforms: string;
  artifacts: string;
  state: ComponentState;
  message: string;
  errors: string;
  created_at: number;
}

export interface DeploymentRow {
  id: string;
  target_kind: 'thing' | 'thinggroup';
  target_name: string;
  target_arn: string;
  parent_target_arn: string | null;
  revision: number;
  request: string;
  document: string;
  job_id: string;
  status: DeploymentStatus;
  status_reason: string | null;
  latest: Flag;
  created_at: number;
}

export interface JobRow {
  id: string;
  deployment_id: string;
  carrier: 'job' | 'shadow';
  target_kind: 'thing' | 'thinggroup';
  target_name: string;
  target_arn: string;
  document: string;
  configuration: string | null;
  status: JobStatus;
  reason_code: string | null;
  comment: string | null;
  force_canceled: Flag;
  created_at: number;
  updated_at: number;
  completed_at: number | null;
  rate_state: string | null;
  rollout_after: string | null;
  retry_after: string | null;
  /** 1 when it has abort criteria. */
  may_abort: Flag;
}

export interface ExecutionRow {
  job_id: string;
  thing: string;
  number: number;
  /** Copied from the job, which never changes it. */
  carrier: 'job' | 'shadow';
  /** 1 for the highest number of its job and thing. */
  newest: Flag;
  status: ExecutionStatus;
  version: number;
  status_details: string;
  queued_at: number;
  started_at: number | null;
  updated_at: number;
  times_out_at: number | null;
  force_canceled: Flag;
  outcome: string | null;
}

export interface DeviceRow {
  thing: string;
  core_version: string;
  platform: string;
  architecture: string;
  runtime: string | null;
  status: 'HEALTHY' | 'UNHEALTHY';
  status_updated_at: number;
  sequence: number;
}

export interface InstalledRow {
  thing: string;
  name: string;
  version: string;
  state: string;
  status_codes: string;
  status_reason: string | null;
  is_root: Flag;
  sources: string;
  installation_source: string | null;
  changed_at: number;
  reported_at: number;
}

export interface ObjectRow {
  bucket: string;
  key: string;
  sha256: string;
  size: number;
  etag: string;
  content_type: string | null;
  modified_at: number;
}

export interface RoleAliasRow {
  name: string;
  role_arn: string;
  credential_seconds: number;
  created_at: number;
  updated_at: number;
}

export interface ProvisioningTemplateRow {
  name: string;
  description: string | null;
  enabled: Flag;
  role_arn: string;
  default_version: number;
  last_version: number;
  created_at: number;
  updated_at: number;
}

export interface Schema {
  thing: ThingRow;
  /** Attributes of things, one a row, to be found by name and value. */
  thing_attribute: { thing: string; name: string; value: string };
  thing_group: GroupRow;
  /** Every group with every group above it and itself (depth 0): a group's parent never changes. */
  group_path: { ancestor: string; descendant: string; depth: number };
  /** What the query of a dynamic group looks at. */
  dynamic_group_source: { group_name: string; source: string };
  /** What has changed of things since their dynamic groups were found. */
  thing_change: { thing: string; source: string };
  thing_connection: { thing: string; connected: Flag; changed_at: number; disconnect_reason: string | null };
  /** One row at most. */
  indexing_configuration: { document: string };
  thing_type: ThingTypeRow;
  membership: { group_name: string; thing: string; joined_at: number };
  certificate: CertificateRow;
  ca_certificate: CaCertificateRow;
  thing_principal: { thing: string; certificate_id: string };
  policy: PolicyRow;
  policy_version: { policy: string; version: number; document: string; created_at: number };
  policy_target: { policy: string; target: string };
  component_version: ComponentRow;
  component_content: { name: string; version: string; sha256: string };
  deployment: DeploymentRow;
  /** What outlives the deployments of a target: its counters, and the parent it was last used with. */
  deployment_target: {
    target_arn: string;
    revision: number;
    created_at: number;
    parent_target_arn: string | null;
  };
  job: JobRow;
  /**
   * Jobs that have ended, or were deleted, and whose executions are still to be written, or deleted: until then each reads as
   * `asEnded`, or not at all.
   */
  job_end: { job_id: string; ended_at: number; forced: Flag; deleted: Flag };
  /** What one process works at, which others leave alone until it ends. */
  lease: { name: string; holder: string; ends_at: number };
  /** Newest executions by status, as the rows have it. The count of a status is the sum over the shards. */
  job_counts: { job_id: string; shard: number; status: ExecutionStatus; total: number };
  /** Things that came into the target of a job in progress after it was made, and are still to get an execution. */
  job_waiting: { job_id: string; thing: string };
  /** Things on which a deployment of the target has succeeded. */
  target_success: { target_arn: string; thing: string };
  execution: ExecutionRow;
  shadow: { thing: string; name: string; document: string | null; version: number; updated_at: number };
  core_device: DeviceRow;
  installed_component: InstalledRow;
  tag: { arn: string; key: string; value: string };
  idempotent_answer: {
    operation: string;
    token: string;
    request_hash: string;
    response: string;
    expires_at: number;
  };
  bucket: { name: string; created_at: number };
  object: ObjectRow;
  access_key: { id: string; secret: string; created_at: number };
  role_alias: RoleAliasRow;
  connectivity: { thing: string; version: string; endpoints: string };
  client_device: { core: string; thing: string; associated_at: number };
  telemetry: { thing: string; message: string; received_at: number };
  /** One row at most. */
  service_role: { role_arn: string; associated_at: number };
  provisioning_template: ProvisioningTemplateRow;
  provisioning_template_version: { template: string; version: number; body: string; created_at: number };
  /** Certificates that are made to provision with. */
  provisioning_claim: { certificate_id: string; template: string; expires_at: number };
  mqtt_session: { client_id: string; session: string };
  mqtt_message: MqttMessageRow & { id: number };
  mqtt_queued: { sequence: number; client_id: string; message_id: number; delivery: string };
  mqtt_retained: MqttMessageRow;
  event: EventRow;
  /** One row: the number given last. */
  event_counter: { id: number; last: number };
  audit: { request_id: string; at: number; caller: string; operation: string; target: string };
  /** Causes of failures of a job, with the things whose newest execution failed so. */
  job_failure: FailureRow;
  /** Under which cause the newest execution of a thing is counted. */
  execution_failure: { job_id: string; thing: string; failure_id: number };
}

export interface EventRow {
  sequence: number;
  at: number;
  subject: EventSubject;
  deployment_id: string;
  job_id: string;
  thing: string | null;
  number: number | null;
  from_status: string | null;
  to_status: string;
  reason: string | null;
}

export interface FailureRow {
  job_id: string;
  id: number;
  status: FailureStatus;
  error_code: string;
  cause: string;
  devices: number;
}

export interface MqttMessageRow {
  topic: string;
  payload: Uint8Array;
  qos: number;
  properties: Uint8Array;
  expires_at: number | null;
}

/** What a store runs its queries through: a transaction, or the reading connection. */
export type Queries = Kysely<Schema> | Transaction<Schema>;
