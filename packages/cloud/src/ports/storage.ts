import type { RoleAlias } from '../domain/access/role-alias.ts';
import type { ComponentVersion } from '../domain/components/component.ts';
import type { Deployment } from '../domain/deployment/deployment.ts';
import type { ClientAssociation, Connectivity, ServiceRole } from '../domain/devices/client-devices.ts';
import type { CoreDevice, InstalledComponent } from '../domain/devices/core-device.ts';
import type { Telemetry } from '../domain/devices/telemetry.ts';
import type { JobEnd } from '../domain/jobs/as-ended.ts';
import type { Execution, ExecutionCounts, ExecutionStatus, Job, JobStatus } from '../domain/jobs/job.ts';
import type {
  ProvisioningClaim,
  ProvisioningTemplate,
  ProvisioningTemplateVersion,
} from '../domain/provisioning/provisioning.ts';
import type {
  CaCertificate,
  Certificate,
  Policy,
  PolicyVersion,
  Thing,
  ThingGroup,
} from '../domain/registry/registry.ts';
import type { ShadowRecord } from '../domain/shadow/shadow-record.ts';
import type { FleetIndexStore, ThingTypeStore } from './fleet-index.ts';
import type { AuditStore, EventLog, FailureStore, RetentionStore } from './history.ts';
import type { MqttSessions } from './mqtt-sessions.ts';

/**
 * What the cloud remembers. A use case takes one `Tx`, reads, decides and writes through it, and awaits nothing else
 * inside (a second transaction inside the first would wait for itself). `write` commits durably before it resolves; when
 * the work throws, nothing is kept. Writers are serialised; readers see committed data only.
 */
export interface Storage {
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  read<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A page of a list that is ordered by a key. `after` is the `next` of the page before. */
export interface PageRequest {
  readonly limit: number;
  readonly after?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** The key to continue after; absent on the last page. */
  readonly next?: string;
}

export interface Tx {
  readonly things: ThingStore;
  readonly groups: GroupStore;
  readonly thingTypes: ThingTypeStore;
  readonly fleetIndex: FleetIndexStore;
  readonly certificates: CertificateStore;
  readonly caCertificates: CaCertificateStore;
  readonly policies: PolicyStore;
  readonly components: ComponentStore;
  readonly deployments: DeploymentStore;
  readonly jobs: JobStore;
  readonly executions: ExecutionStore;
  readonly leases: LeaseStore;
  readonly shadows: ShadowStore;
  readonly devices: DeviceStore;
  readonly tags: TagStore;
  readonly idempotency: IdempotencyStore;
  readonly objects: ObjectIndex;
  readonly accessKeys: AccessKeyStore;
  readonly roleAliases: RoleAliasStore;
  readonly connectivity: ConnectivityStore;
  readonly clientDevices: ClientDeviceStore;
  readonly serviceRole: ServiceRoleStore;
  readonly telemetry: TelemetryStore;
  readonly provisioning: ProvisioningStore;
  readonly rights: RightsStore;
  readonly mqttSessions: MqttSessions;
  readonly events: EventLog;
  readonly failures: FailureStore;
  readonly audit: AuditStore;
  readonly retention: RetentionStore;
}

export interface ThingStore {
  get(name: string): Promise<Thing | undefined>;
  /** Names that exist, of those asked for. */
  existing(names: readonly string[]): Promise<ReadonlySet<string>>;
  /** Ordered by name. `attribute` filters on one exact name and value. */
  list(
    page: PageRequest,
    filter: { attribute?: { name: string; value: string }; typeName?: string },
  ): Promise<Page<Thing>>;
  insert(thing: Thing): Promise<void>;
  update(thing: Thing): Promise<void>;
  /** Also its memberships, attached principals, connectivity, connection, telemetry, and its associations as a client device. */
  delete(name: string): Promise<void>;
  principals(thing: string): Promise<readonly string[]>;
  /** Things that a certificate is attached to, by certificate id. */
  ofCertificate(certificateId: string): Promise<readonly string[]>;
  attach(thing: string, certificateId: string): Promise<void>;
  detach(thing: string, certificateId: string): Promise<void>;
}

export interface GroupStore {
  get(name: string): Promise<ThingGroup | undefined>;
  /** Ordered by name. `recursive` with `parent` lists all descendants, without `parent` all groups; not recursive: direct children, or the roots. */
  list(page: PageRequest, filter: { parent?: string; prefix?: string; recursive: boolean }): Promise<Page<ThingGroup>>;
  insert(group: ThingGroup): Promise<void>;
  /** Description, attributes and version; the parent never changes. The query of a dynamic group: see `fleetIndex`. */
  update(group: ThingGroup): Promise<void>;
  /** Also its memberships. */
  delete(name: string): Promise<void>;
  hasChildren(name: string): Promise<boolean>;
  /** Root first, the group itself last; empty for an unknown group. */
  ancestry(name: string): Promise<readonly string[]>;
  /** The group and every group below it. */
  subtree(name: string): Promise<readonly string[]>;
  add(group: string, thing: string, at: number): Promise<void>;
  remove(group: string, ...things: readonly string[]): Promise<void>;
  /** Direct memberships, ordered by name; `static`: of those that things are put into by hand. */
  ofThing(thing: string, kind?: 'static'): Promise<readonly string[]>;
  /** Things of the group (with `recursive`: of its subtree, each once), ordered by name. */
  members(group: string, recursive: boolean, page: PageRequest): Promise<Page<string>>;
}

export interface CertificateStore {
  get(id: string): Promise<Certificate | undefined>;
  /** Ordered by creation, then id. */
  list(page: PageRequest, filter?: { caId?: string }): Promise<Page<Certificate>>;
  insert(certificate: Certificate): Promise<void>;
  /** Status and time of change. */
  update(certificate: Certificate): Promise<void>;
  /** Also its attachments to things, and its claim. */
  delete(id: string): Promise<void>;
  /** Ids of certificates PENDING_ACTIVATION that were created before `at`, at most `limit`. */
  pendingBefore(at: number, limit: number): Promise<readonly string[]>;
}

export interface CaCertificateStore {
  get(id: string): Promise<CaCertificate | undefined>;
  /** Ordered by creation, then id. */
  list(page: PageRequest): Promise<Page<CaCertificate>>;
  withSubject(subject: string): Promise<readonly CaCertificate[]>;
  insert(certificate: CaCertificate): Promise<void>;
  /** Status and time of change. */
  update(certificate: CaCertificate): Promise<void>;
  delete(id: string): Promise<void>;
}

export interface PolicyStore {
  get(name: string): Promise<Policy | undefined>;
  list(page: PageRequest): Promise<Page<Policy>>;
  /** Also its first version. */
  insert(policy: Policy): Promise<void>;
  /** Which version is the default one, the highest number given, and the time of change. */
  update(policy: Policy): Promise<void>;
  /** Also its versions and attachments. */
  delete(name: string): Promise<void>;
  /** Newest first. */
  versions(name: string): Promise<readonly PolicyVersion[]>;
  insertVersion(version: PolicyVersion): Promise<void>;
  deleteVersion(policy: string, number: number): Promise<void>;
  /** `target` is a certificate ARN or a thing group ARN. Attaching twice is one attachment. */
  attach(policy: string, target: string): Promise<void>;
  detach(policy: string, target: string): Promise<void>;
  attachedTo(target: string): Promise<readonly Policy[]>;
  targets(policy: string): Promise<readonly string[]>;
  /** Takes every policy off a target that goes. */
  detachAll(target: string): Promise<void>;
}

/** The default version of a policy that is attached to something: a reference, as documents are many and mostly the same. */
export interface PolicyReference {
  readonly name: string;
  readonly version: number;
  /** Of the version: one of the same name and number that was made anew is another. */
  readonly createdAt: number;
}

/** What decides about the holder of a certificate. */
export interface CertificateRights {
  readonly certificate: Certificate;
  readonly things: readonly Thing[];
  readonly policies: readonly PolicyReference[];
  /** Of the groups of its things and of the groups above those. */
  readonly groupPolicies: readonly PolicyReference[];
}

/** Reads for many certificates at once what decides about them. */
export interface RightsStore {
  /** Those that are there, whatever their status, by id. The two functions give the ARN that policies are attached to. */
  ofCertificates(
    ids: readonly string[],
    targets: { certificate(id: string): string; group(name: string): string },
  ): Promise<ReadonlyMap<string, CertificateRights>>;
  /** The documents of versions, in the order asked for; undefined for one that is gone. */
  documents(references: readonly PolicyReference[]): Promise<readonly (string | undefined)[]>;
}

export interface ComponentStore {
  get(name: string, version: string): Promise<ComponentVersion | undefined>;
  /** Every version of one component, in no particular order. */
  versions(name: string): Promise<readonly ComponentVersion[]>;
  /** Component names, ordered. */
  names(page: PageRequest): Promise<Page<string>>;
  insert(component: ComponentVersion): Promise<void>;
  delete(name: string, version: string): Promise<void>;
  /** True when any version of any component holds an artifact with this content. */
  usesContent(sha256: string): Promise<boolean>;
}

export interface DeploymentFilter {
  readonly targetArn?: string;
  readonly parentTargetArn?: string;
  readonly latestOnly: boolean;
}

export interface DeploymentStore {
  get(id: string): Promise<Deployment | undefined>;
  /** The job of each deployment that is there, by deployment id. */
  jobIds(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  latest(targetArn: string): Promise<Deployment | undefined>;
  atRevision(targetArn: string, revision: number): Promise<Deployment | undefined>;
  /** Newest first. With `latestOnly` one per target: its newest remaining revision. */
  list(page: PageRequest, filter: DeploymentFilter): Promise<Page<Deployment>>;
  /** Targets that were used with this parent last, whatever became of their deployments. */
  childTargets(parentTargetArn: string): Promise<readonly string[]>;
  /** The parent a target was used with before, if any. */
  parentOf(targetArn: string): Promise<string | undefined>;
  /**
   * Takes the next revision number and creation time (at least `now`, above the last) of a target. `bookedUnder` is the
   * target that devices keep the deployment under, if another: the time is above the last of that one too.
   */
  nextRevision(targetArn: string, now: number, bookedUnder?: string): Promise<{ revision: number; createdAt: number }>;
  insert(deployment: Deployment): Promise<void>;
  /** Status, reason and `latest` are the only members that change. */
  update(deployment: Deployment): Promise<void>;
  delete(id: string): Promise<void>;
}

export interface JobStore {
  get(id: string): Promise<Job | undefined>;
  getMany(ids: readonly string[]): Promise<ReadonlyMap<string, Job>>;
  /** Newest first; jobs of carrier `job` only. */
  list(page: PageRequest, filter: { status?: JobStatus; groupName?: string }): Promise<Page<Job>>;
  /**
   * Ids of the jobs IN_PROGRESS of carrier `job` that may have something to do, oldest first: not all members have been
   * looked at, someone waits or is to be tried again, or something has failed and may abort it.
   */
  rollingOut(): Promise<readonly string[]>;
  /** Jobs IN_PROGRESS that target one of these groups. */
  inProgressForGroups(groups: readonly string[]): Promise<readonly Job[]>;
  insert(job: Job): Promise<void>;
  update(job: Job): Promise<void>;
  /** The job and its executions are not there any more; their rows go with {@link ExecutionStore.sweep}. `at`: epoch ms. */
  delete(id: string, at: number): Promise<void>;
}

/** Who works at what, where several processes share a database. Times are epoch ms. */
export interface LeaseStore {
  /** When the lease of another holder ends; undefined when nobody else has one now. */
  heldUntil(name: string, holder: string, now: number): Promise<number | undefined>;
  /** Until `endsAt`, whoever held it; check before, in the same transaction. */
  put(name: string, holder: string, endsAt: number): Promise<void>;
  /** Gives up one's own, and forgets those of anybody that ended long before `now`. */
  release(name: string, holder: string, now: number): Promise<void>;
}

/** What a job's end does to its executions shows in every read at once: see `asEnded`. */
export interface ExecutionStore {
  /** The newest execution of a thing in a job, or the one with this number. */
  get(jobId: string, thing: string, number?: number): Promise<Execution | undefined>;
  /** The newest execution of each pair asked for, keyed `jobId/thing`. */
  getMany(keys: readonly { jobId: string; thing: string }[]): Promise<ReadonlyMap<string, Execution>>;
  /** Executions QUEUED or IN_PROGRESS of a thing in carrier-`job` jobs, ordered by queuedAt, then jobId. */
  pending(thing: string): Promise<readonly Execution[]>;
  pendingMany(things: readonly string[]): Promise<ReadonlyMap<string, readonly Execution[]>>;
  /** Newest execution of every job that the thing has, newest queued first; both carriers. */
  ofThing(
    thing: string,
    page: PageRequest,
    filter: { status?: ExecutionStatus; carrier?: 'job' | 'shadow' },
  ): Promise<Page<Execution>>;
  /** Newest execution of every thing in the job, ordered by thing. */
  ofJob(jobId: string, page: PageRequest, filter: { status?: ExecutionStatus }): Promise<Page<Execution>>;
  counts(jobId: string): Promise<ExecutionCounts>;
  /** The latest queuedAt handed to a thing, 0 if none. */
  lastQueuedAt(things: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Things that came into the target of a job in progress after it was made, without an execution since; ordered by name. */
  waiting(jobId: string, limit: number): Promise<readonly { thing: string; lastNumber: number }[]>;
  /** Those of the things that have no execution of the job and do not wait for one, in the given order. */
  unserved(jobId: string, things: readonly string[]): Promise<readonly string[]>;
  /** Those of the things whose last execution in a carrier-`job` job was ended by the service, and not by the device. */
  withdrawn(things: readonly string[]): Promise<ReadonlySet<string>>;
  /** For each target the newest job that the thing has an execution of which was not REMOVED, newest first; both carriers. */
  effective(thing: string): Promise<readonly { jobId: string; targetArn: string }[]>;
  insertMany(executions: readonly Execution[]): Promise<void>;
  updateMany(executions: readonly Execution[]): Promise<void>;
  /** The one with this number; the highest that is left counts as the newest. */
  delete(jobId: string, thing: string, number: number): Promise<void>;
  /** Ends every QUEUED execution of the job, and with `force` every IN_PROGRESS one, as CANCELED; {@link sweep} writes them. */
  endAll(jobId: string, end: JobEnd): Promise<void>;
  /** Jobs with executions to sweep, those that ended first before others; at most `limit`. */
  toSweep(limit: number): Promise<readonly string[]>;
  /**
   * Writes (of a deleted job: deletes) at most `limit` of the executions that ended with the job. `things`: those whose
   * execution it was; `done`: none is left.
   */
  sweep(jobId: string, limit: number): Promise<{ readonly things: readonly string[]; readonly done: boolean }>;
  /**
   * Things of the target, from the one after `after` by name, whose newest execution FAILED, was REJECTED or TIMED_OUT wait
   * for another: at most `limit` are looked at. Returns the last of them; undefined when no more are left.
   */
  retryAfter(jobId: string, after: string, limit: number): Promise<string | undefined>;
  /** The same for these things. */
  retry(jobId: string, things: readonly string[]): Promise<void>;
  /** Executions whose timer has fired by `now`, at most `limit`. */
  timedOut(now: number, limit: number): Promise<readonly Execution[]>;
  /** The earliest timer, if any. */
  nextTimeout(): Promise<number | undefined>;
}

export interface ShadowStore {
  get(thing: string, name: string): Promise<ShadowRecord | undefined>;
  getMany(keys: readonly { thing: string; name: string }[]): Promise<ReadonlyMap<string, ShadowRecord>>;
  put(records: readonly ShadowRecord[]): Promise<void>;
  /** Names of live named shadows, ordered. */
  names(thing: string, page: PageRequest): Promise<Page<string>>;
}

export interface DeviceStore {
  get(thing: string): Promise<CoreDevice | undefined>;
  getMany(things: readonly string[]): Promise<ReadonlyMap<string, CoreDevice>>;
  /** Ordered by thing. `groupTargetArn`: devices on which a deployment of that group has succeeded. */
  list(
    page: PageRequest,
    filter: { status?: string; runtime?: string; groupTargetArn?: string },
  ): Promise<Page<CoreDevice>>;
  put(devices: readonly CoreDevice[]): Promise<void>;
  /** Also its components and client devices. */
  delete(thing: string): Promise<void>;
  components(thing: string): Promise<readonly InstalledComponent[]>;
  componentsOf(things: readonly string[]): Promise<ReadonlyMap<string, readonly InstalledComponent[]>>;
  putComponents(components: readonly InstalledComponent[]): Promise<void>;
  deleteComponents(keys: readonly { thing: string; name: string }[]): Promise<void>;
}

export interface TagStore {
  get(arn: string): Promise<Readonly<Record<string, string>>>;
  put(arn: string, tags: Readonly<Record<string, string>>): Promise<void>;
  remove(arn: string, keys: readonly string[]): Promise<void>;
  clear(arn: string): Promise<void>;
}

/** The answer to a request that carried a clientToken, kept for 8 hours. */
export interface IdempotentAnswer {
  readonly operation: string;
  readonly token: string;
  /** SHA-256 of the request without its token. */
  readonly requestHash: string;
  /** JSON text. */
  readonly response: string;
  readonly expiresAt: number;
}

export interface IdempotencyStore {
  get(operation: string, token: string, now: number): Promise<IdempotentAnswer | undefined>;
  put(answer: IdempotentAnswer): Promise<void>;
  prune(now: number): Promise<void>;
}

/** An object of the S3 surface; its bytes are in the content store under their hash. */
export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly sha256: string;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly contentType?: string;
  readonly modifiedAt: number;
}

export interface ObjectIndex {
  createBucket(name: string, at: number): Promise<void>;
  bucket(name: string): Promise<{ name: string; createdAt: number } | undefined>;
  buckets(): Promise<readonly { name: string; createdAt: number }[]>;
  deleteBucket(name: string): Promise<void>;
  get(bucket: string, key: string): Promise<StoredObject | undefined>;
  list(bucket: string, prefix: string, page: PageRequest): Promise<Page<StoredObject>>;
  put(object: StoredObject): Promise<void>;
  delete(bucket: string, key: string): Promise<void>;
  usesContent(sha256: string): Promise<boolean>;
}

export interface AccessKey {
  readonly id: string;
  readonly secret: string;
  readonly createdAt: number;
}

export interface AccessKeyStore {
  get(id: string): Promise<AccessKey | undefined>;
  list(): Promise<readonly AccessKey[]>;
  insert(key: AccessKey): Promise<void>;
}

export interface RoleAliasStore {
  get(name: string): Promise<RoleAlias | undefined>;
  /** Ordered by name, forwards or backwards. */
  list(page: PageRequest, ascending: boolean): Promise<Page<RoleAlias>>;
  insert(alias: RoleAlias): Promise<void>;
  update(alias: RoleAlias): Promise<void>;
  delete(name: string): Promise<void>;
}

export interface ConnectivityStore {
  getMany(things: readonly string[]): Promise<ReadonlyMap<string, Connectivity>>;
  put(connectivity: Connectivity): Promise<void>;
}

export interface ClientDeviceStore {
  /** Ordered by thing. */
  ofCore(core: string, page: PageRequest): Promise<Page<ClientAssociation>>;
  /** The core devices of a client device, ordered. */
  coresOf(thing: string): Promise<readonly string[]>;
  /** What is associated already stays as it is. */
  put(associations: readonly ClientAssociation[]): Promise<void>;
  delete(core: string, things: readonly string[]): Promise<void>;
}

export interface ServiceRoleStore {
  get(): Promise<ServiceRole | undefined>;
  put(role: ServiceRole): Promise<void>;
  clear(): Promise<void>;
}

export interface TelemetryStore {
  get(thing: string): Promise<Telemetry | undefined>;
  /** One a thing, in place of the one before. */
  put(telemetry: readonly Telemetry[]): Promise<void>;
}

export interface ProvisioningStore {
  get(name: string): Promise<ProvisioningTemplate | undefined>;
  /** Ordered by name. */
  list(page: PageRequest): Promise<Page<ProvisioningTemplate>>;
  insert(template: ProvisioningTemplate): Promise<void>;
  update(template: ProvisioningTemplate): Promise<void>;
  /** Also its versions. */
  delete(name: string): Promise<void>;
  version(template: string, version: number): Promise<ProvisioningTemplateVersion | undefined>;
  /** All that are there, oldest first. */
  versions(template: string): Promise<readonly ProvisioningTemplateVersion[]>;
  insertVersion(version: ProvisioningTemplateVersion): Promise<void>;
  deleteVersion(template: string, version: number): Promise<void>;
  claim(certificateId: string): Promise<ProvisioningClaim | undefined>;
  insertClaim(claim: ProvisioningClaim): Promise<void>;
  /** Certificates whose claims expired before `at`, at most `limit`. */
  expiredClaims(at: number, limit: number): Promise<readonly string[]>;
}
