import type { JsonObject } from '@greensward/kit';
import type { ThingDocument } from '@greensward/model/fleet-query';
import type { CreateDeploymentRequest } from '@greensward/protocol/greengrassv2';
import type { RoleAlias } from '../domain/access/role-alias.ts';
import type { ComponentVersion } from '../domain/components/component.ts';
import type { Deployment, DeploymentStatus } from '../domain/deployment/deployment.ts';
import type { ClientAssociation, ConnectivityEndpoint, ServiceRole } from '../domain/devices/client-devices.ts';
import type { CoreDevice, InstalledComponent } from '../domain/devices/core-device.ts';
import type { Telemetry } from '../domain/devices/telemetry.ts';
import type { IndexingConfiguration } from '../domain/fleet-index/indexing-configuration.ts';
import type { ThingConnection } from '../domain/fleet-index/thing-connection.ts';
import type { LoggedEvent } from '../domain/history/event.ts';
import type { CountedFailure } from '../domain/history/failure-cause.ts';
import type { ExecutionCancel } from '../domain/jobs/cancel-execution.ts';
import type { Execution, ExecutionCounts, ExecutionStatus, Job, JobStatus } from '../domain/jobs/job.ts';
import type { ProvisioningTemplate, ProvisioningTemplateVersion } from '../domain/provisioning/provisioning.ts';
import type {
  CaCertificate,
  Certificate,
  CertificateMode,
  CertificateStatus,
  Policy,
  PolicyVersion,
  Thing,
  ThingGroup,
} from '../domain/registry/registry.ts';
import type { ThingType } from '../domain/registry/thing-type.ts';
import type { MessageToPublish } from '../ports/bus.ts';
import type { KeyAndCertificate } from '../ports/certificate-authority.ts';
import type { AuditRecord, EventFilter } from '../ports/history.ts';
import type { Session, SessionCredentials } from '../ports/session-credentials.ts';
import type { Page, PageRequest, StoredObject } from '../ports/storage.ts';
import type { RolloutState } from './rollout-state.ts';

type Tags = Readonly<Record<string, string>>;

/**
 * The use cases of the cloud, one group a resource. HTTP and MQTT call these and nothing else. Inputs have passed the
 * constraints of the wire; the rules that need state are checked here. Refusals are Faults whose code is the AWS exception
 * name for the service that owns the resource: the registry, jobs and shadows throw IoT names (`InvalidRequestException`,
 * `ResourceNotFoundException`, `ResourceAlreadyExistsException`, ...), components, deployments and core devices Greengrass
 * names (`ValidationException`, `ConflictException` with context {resourceId, resourceType}, ...).
 */
export interface App {
  readonly things: ThingUseCases;
  readonly groups: GroupUseCases;
  readonly dynamicGroups: DynamicGroupUseCases;
  readonly thingTypes: ThingTypeUseCases;
  readonly fleetIndex: FleetIndexUseCases;
  readonly authorities: AuthorityUseCases;
  readonly certificates: CertificateUseCases;
  readonly policies: PolicyUseCases;
  readonly components: ComponentUseCases;
  readonly deployments: DeploymentUseCases;
  readonly devices: DeviceUseCases;
  readonly jobs: JobUseCases;
  readonly shadows: ShadowUseCases;
  readonly tags: TagUseCases;
  readonly objects: ObjectUseCases;
  readonly access: AccessUseCases;
  readonly roleAliases: RoleAliasUseCases;
  readonly connectivity: ConnectivityUseCases;
  readonly clientDevices: ClientDeviceUseCases;
  readonly serviceRole: ServiceRoleUseCases;
  readonly telemetry: TelemetryUseCases;
  readonly messages: MessageUseCases;
  readonly provisioning: ProvisioningUseCases;
  readonly history: HistoryUseCases;
}

/** What happened to deployments and devices, and who changed what. */
export interface HistoryUseCases {
  /**
   * Events after a number, oldest first; for a deployment that is there also how far it is, read at the same moment. Fails
   * with `ResourceNotFoundException` for a deployment or thing of which there is nothing.
   */
  events(
    filter: EventFilter,
    after: number,
    limit: number,
  ): Promise<{ readonly events: readonly LoggedEvent[]; readonly more: boolean; readonly rollout?: RolloutState }>;
  /** The number of the newest event; 0 before the first. */
  head(): Promise<number>;
  /** Tells that there may be something new, after the commit. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
  rollout(deploymentId: string): Promise<{ readonly deployment: Deployment; readonly rollout: RolloutState }>;
  /** Why executions failed, the most frequent cause first. */
  failures(deploymentId: string): Promise<readonly CountedFailure[]>;
  /** Newest first. */
  audit(page: PageRequest): Promise<Page<AuditRecord>>;
}

export interface ThingUseCases {
  create(input: { name: string; attributes?: Tags; typeName?: string }): Promise<Thing>;
  describe(name: string): Promise<Thing>;
  update(input: {
    name: string;
    attributes?: Tags;
    merge?: boolean;
    typeName?: string;
    removeType?: boolean;
    expectedVersion?: number;
  }): Promise<void>;
  delete(name: string, expectedVersion?: number): Promise<void>;
  list(
    page: PageRequest,
    filter: { attribute?: { name: string; value: string }; typeName?: string },
  ): Promise<Page<Thing>>;
  attachPrincipal(thing: string, principalArn: string): Promise<void>;
  detachPrincipal(thing: string, principalArn: string): Promise<void>;
  principals(thing: string): Promise<readonly string[]>;
  ofPrincipal(principalArn: string): Promise<readonly string[]>;
}

export interface GroupUseCases {
  create(input: {
    name: string;
    parent?: string;
    description?: string;
    attributes?: Tags;
    tags?: Tags;
  }): Promise<ThingGroup>;
  describe(name: string): Promise<{ group: ThingGroup; ancestors: readonly string[] }>;
  /** What is not given stays. Returns the new version. */
  update(input: {
    name: string;
    description?: string;
    attributes?: Tags;
    merge?: boolean;
    expectedVersion?: number;
  }): Promise<number>;
  delete(name: string, expectedVersion?: number): Promise<void>;
  list(page: PageRequest, filter: { parent?: string; prefix?: string; recursive: boolean }): Promise<Page<ThingGroup>>;
  addThing(group: string, thing: string): Promise<void>;
  removeThing(group: string, thing: string): Promise<void>;
  /** Leaves some groups and joins others, all or none. */
  moveThing(thing: string, groups: { add: readonly string[]; remove: readonly string[] }): Promise<void>;
  things(group: string, recursive: boolean, page: PageRequest): Promise<Page<string>>;
  ofThing(thing: string): Promise<readonly string[]>;
  /** For the data plane: direct groups, each with its ancestors from the root to its parent. */
  membership(thing: string): Promise<readonly { group: string; ancestors: readonly string[] }[]>;
}

/** Which index a query is about, and in which version of its language; what is absent is the one that there is. */
export interface IndexChoice {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
}

export interface DynamicGroupUseCases {
  create(input: {
    name: string;
    query: string;
    index: IndexChoice;
    description?: string;
    attributes?: Tags;
    tags?: Tags;
  }): Promise<ThingGroup>;
  /** What is not given stays. Returns the new version. */
  update(input: {
    name: string;
    query?: string;
    index: IndexChoice;
    description?: string;
    attributes?: Tags;
    merge?: boolean;
    expectedVersion?: number;
  }): Promise<number>;
  delete(name: string, expectedVersion?: number): Promise<void>;
}

export interface ThingTypeUseCases {
  create(input: {
    name: string;
    description?: string;
    searchableAttributes?: readonly string[];
    tags?: Tags;
  }): Promise<ThingType>;
  describe(name: string): Promise<ThingType>;
  /** With `name` that type alone. */
  list(page: PageRequest, name?: string): Promise<Page<ThingType>>;
  deprecate(name: string, undo: boolean): Promise<void>;
  delete(name: string): Promise<void>;
}

/** A thing that a search has found. */
export interface FoundThing {
  readonly document: ThingDocument;
  /** Its shadows as one JSON text. */
  readonly shadow: string | undefined;
}

export interface FleetIndexUseCases {
  /** Ordered by name. A page may have fewer things than asked for, though there are more. */
  search(input: { query: string; index: IndexChoice }, page: PageRequest): Promise<Page<FoundThing>>;
  indices(): Promise<readonly string[]>;
  describe(name: string): Promise<IndexingConfiguration>;
  configuration(): Promise<IndexingConfiguration>;
  configure(configuration: IndexingConfiguration): Promise<void>;
  /** Which things are connected now; one transaction for the list. */
  setConnections(connections: readonly ThingConnection[]): Promise<void>;
  /** After a start: nobody is connected yet, whatever was so when the service ended. */
  disconnectAll(): Promise<void>;
}

/** Certificate authorities of others, whose certificates may be registered. */
export interface AuthorityUseCases {
  /** What the subject of a verification certificate names, to prove that its maker holds the key of the CA. */
  registrationCode(): string;
  register(input: {
    pem: string;
    /** Required but for `SNI_ONLY`. */
    verificationPem?: string;
    mode: CertificateMode;
    active: boolean;
  }): Promise<CaCertificate>;
  describe(id: string): Promise<CaCertificate>;
  setStatus(id: string, status: CaCertificate['status']): Promise<void>;
  delete(id: string): Promise<void>;
  list(page: PageRequest): Promise<Page<CaCertificate>>;
}

export interface CertificateUseCases {
  createKeys(active: boolean): Promise<KeyAndCertificate>;
  /** A certificate for the key of a signing request, PEM. */
  createFromRequest(requestPem: string, active: boolean): Promise<Certificate>;
  /** One that a registered CA has issued; `caPem` says which one must be meant. */
  register(input: { pem: string; caPem?: string; active: boolean }): Promise<Certificate>;
  registerWithoutCa(input: { pem: string; active: boolean }): Promise<Certificate>;
  describe(id: string): Promise<Certificate>;
  setStatus(id: string, status: CertificateStatus): Promise<void>;
  delete(id: string, force: boolean): Promise<void>;
  list(page: PageRequest, filter?: { caId?: string }): Promise<Page<Certificate>>;
}

export interface PolicyUseCases {
  create(name: string, document: string, tags?: Tags): Promise<Policy>;
  get(name: string): Promise<Policy>;
  delete(name: string): Promise<void>;
  list(page: PageRequest): Promise<Page<Policy>>;
  attach(name: string, target: string): Promise<void>;
  detach(name: string, target: string): Promise<void>;
  /** With `recursive`, for a thing group, also those of the groups above it. */
  attachedTo(target: string, recursive?: boolean): Promise<readonly Policy[]>;
  targets(name: string): Promise<readonly string[]>;
  /** What decides about a principal, a thing, or both: their own policies and those of the thing's groups. */
  effective(input: { principal?: string; thing?: string }): Promise<readonly Policy[]>;
  createVersion(
    name: string,
    document: string,
    asDefault: boolean,
  ): Promise<{ version: PolicyVersion; isDefault: boolean }>;
  version(name: string, number: number): Promise<{ version: PolicyVersion; policy: Policy }>;
  /** Newest first. */
  versions(name: string): Promise<{ versions: readonly PolicyVersion[]; policy: Policy }>;
  deleteVersion(name: string, number: number): Promise<void>;
  setDefaultVersion(name: string, number: number): Promise<void>;
}

/** Which version of which component: of the account, or one of the public ones. */
export interface ComponentVersionName {
  readonly name: string;
  readonly version: string;
  readonly isPublic: boolean;
}

export interface ComponentUseCases {
  create(input: { recipe: Uint8Array; tags?: Tags; clientToken?: string }): Promise<ComponentVersion>;
  describe(of: ComponentVersionName): Promise<{ component: ComponentVersion; tags: Tags }>;
  /** Highest first. */
  versions(of: { name: string; isPublic: boolean }, page: PageRequest): Promise<Page<ComponentVersion>>;
  /** One row per component: its highest version. */
  list(page: PageRequest): Promise<Page<ComponentVersion>>;
  /** The same of the public ones. */
  listPublic(): readonly ComponentVersion[];
  /** Fails with `AccessDeniedException` for a public one. */
  delete(of: ComponentVersionName): Promise<void>;
  /** The recipe as the format asked for, with digests; default: as uploaded. */
  recipe(
    of: ComponentVersionName,
    format?: 'JSON' | 'YAML',
  ): Promise<{ format: 'JSON' | 'YAML'; text: string; tags: Tags }>;
  /** A URL of an artifact on the device port, under the name `host` that the caller used. */
  artifactUrl(of: ComponentVersionName, artifactName: string, host: string): Promise<string>;
  /** Answers one candidate after the other; the recipe is JSON with artifact URIs that devices can fetch from here (`greengrass:`). */
  resolve(input: {
    attributes: Readonly<Record<string, string>>;
    candidates: readonly { name: string; version?: string; requirements: Readonly<Record<string, string>> }[];
  }): Promise<readonly { component: ComponentVersion; recipe: string }[]>;
}

/** A deployment with what only other records know. */
interface DeploymentView {
  readonly deployment: Deployment;
  readonly tags: Tags;
}

/** One deployment as one core device sees it. */
export interface EffectiveDeployment {
  readonly deployment: Deployment;
  readonly execution: Execution;
  /** COMPLETED where a thing deployment SUCCEEDED. */
  readonly status: ExecutionStatus | 'COMPLETED';
  readonly reason?: string;
  readonly errorStack: readonly string[];
  readonly errorTypes: readonly string[];
}

export interface DeploymentUseCases {
  create(input: CreateDeploymentRequest): Promise<{ deploymentId: string; iotJobId?: string; iotJobArn?: string }>;
  get(id: string): Promise<DeploymentView>;
  list(
    page: PageRequest,
    filter: { targetArn?: string; parentTargetArn?: string; history: 'ALL' | 'LATEST_ONLY' },
  ): Promise<Page<Deployment>>;
  cancel(id: string): Promise<{ status: DeploymentStatus; message: string }>;
  delete(id: string): Promise<void>;
  effective(thing: string, page: PageRequest): Promise<Page<EffectiveDeployment>>;
  /**
   * The job goes once more to things whose execution FAILED, was REJECTED or TIMED_OUT: to all, or to those named. Returns how
   * many. Fails with `ConflictException` when its job is not in progress or its target is one thing, and with
   * `ValidationException`, having changed nothing, for a named thing that has not failed.
   */
  retry(id: string, things: readonly string[] | undefined): Promise<number>;
  /** For our own API and `--wait`; a few rows, however many things there are. */
  progress(id: string): Promise<{ deployment: Deployment } & RolloutState>;
}

export interface DeviceUseCases {
  get(thing: string): Promise<{ device: CoreDevice; tags: Tags }>;
  list(page: PageRequest, filter: { status?: string; runtime?: string; groupArn?: string }): Promise<Page<CoreDevice>>;
  delete(thing: string): Promise<void>;
  components(thing: string, topology: 'ALL' | 'ROOT'): Promise<readonly InstalledComponent[]>;
  /** Raw fleet status payloads as they came, oldest first, each with the thing that sent it. Bad ones are logged and dropped. */
  ingestFleetStatus(messages: readonly { thing: string; payload: Uint8Array }[]): Promise<void>;
}

/** An update that a device asks for. */
export interface ExecutionUpdate {
  readonly thing: string;
  readonly jobId: string;
  readonly status: string;
  readonly statusDetails?: Readonly<Record<string, string>>;
  readonly expectedVersion?: number;
  readonly executionNumber?: number;
  /** Minutes; -1 clears. */
  readonly stepTimeoutInMinutes?: number;
}

/** The answer to one update: the new execution, or a refusal with the MQTT error code of IoT Jobs and the present state. */
export type ExecutionUpdateResult =
  | { readonly ok: true; readonly execution: Execution; readonly job: Job }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly execution?: Execution };

/** An execution with its job. */
export interface PendingExecution {
  readonly execution: Execution;
  readonly job: Job;
}

/** What a thing is to run. */
export interface Pending {
  readonly executions: readonly PendingExecution[];
  /** Nothing is pending, and what was given last the service ended itself: a device that was away may still be at it. */
  readonly withdrawn: boolean;
}

export interface JobUseCases {
  describe(jobId: string): Promise<{ job: Job; counts: ExecutionCounts }>;
  list(page: PageRequest, filter: { status?: JobStatus; groupName?: string; namespace?: string }): Promise<Page<Job>>;
  cancel(jobId: string, input: { force: boolean; reasonCode?: string; comment?: string }): Promise<Job>;
  /** Ends the newest execution of a thing: see `canceledExecution`. */
  cancelExecution(jobId: string, thing: string, how: ExecutionCancel): Promise<void>;
  /**
   * Fails with `InvalidStateTransitionException` when it is in progress, or runs on a device, and is not forced. The
   * deployment of a job in progress is canceled.
   */
  delete(jobId: string, force: boolean): Promise<void>;
  deleteExecution(jobId: string, thing: string, number: number, force: boolean): Promise<void>;
  executionsOfJob(jobId: string, page: PageRequest, status?: ExecutionStatus): Promise<Page<Execution>>;
  executionsOfThing(thing: string, page: PageRequest, status?: ExecutionStatus): Promise<Page<Execution>>;
  execution(jobId: string, thing: string, number?: number): Promise<PendingExecution>;
  /** IN_PROGRESS first, then QUEUED by queuedAt. `namespace` undefined: jobs without one; '*': all. */
  pending(thing: string, namespace: string | undefined): Promise<readonly PendingExecution[]>;
  /** The same for many things, each with an entry, in the namespace of deployments. */
  pendingMany(things: readonly string[]): Promise<ReadonlyMap<string, Pending>>;
  /** Sets the next pending execution IN_PROGRESS; undefined when nothing is pending. */
  startNext(
    thing: string,
    input: { statusDetails?: Readonly<Record<string, string>>; stepTimeoutInMinutes?: number },
    namespace: string | undefined,
  ): Promise<PendingExecution | undefined>;
  /** One transaction for the list; each is answered. */
  update(updates: readonly ExecutionUpdate[]): Promise<readonly ExecutionUpdateResult[]>;
}

/** A shadow message to send, in order. */
export interface ShadowMessage {
  readonly topic: string;
  readonly payload: string;
}

/** What a client asked of a shadow; `name` is '' for the classic one, `payload` the raw bytes. */
export interface ShadowRequest {
  readonly thing: string;
  readonly name: string;
  readonly action: 'get' | 'update' | 'delete';
  readonly payload: Uint8Array;
  /** Set by the MQTT handlers, which send the answer and its messages themselves; any other change is told over the bus. */
  readonly via?: 'mqtt';
}

/** `response` is the accepted or rejected document; `messages` are what subscribers get besides it (delta, documents). */
export type ShadowAnswer =
  | { readonly ok: true; readonly response: string; readonly messages: readonly ShadowMessage[] }
  | {
      readonly ok: false;
      readonly code: number;
      readonly response: string;
      readonly messages: readonly ShadowMessage[];
    };

export interface ShadowUseCases {
  /** One transaction for the list; each is answered. A report in the deployment shadow moves its deployment. */
  handle(requests: readonly ShadowRequest[]): Promise<readonly ShadowAnswer[]>;
  names(thing: string, page: PageRequest): Promise<Page<string>>;
}

export interface TagUseCases {
  get(arn: string): Promise<Tags>;
  put(arn: string, tags: Tags): Promise<void>;
  remove(arn: string, keys: readonly string[]): Promise<void>;
}

export interface ObjectUseCases {
  createBucket(name: string): Promise<void>;
  requireBucket(name: string): Promise<void>;
  buckets(): Promise<readonly { name: string; createdAt: number }[]>;
  deleteBucket(name: string): Promise<void>;
  put(input: {
    bucket: string;
    key: string;
    contentType?: string;
    body: AsyncIterable<Uint8Array>;
  }): Promise<StoredObject>;
  head(bucket: string, key: string): Promise<StoredObject>;
  open(object: StoredObject, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array>>;
  list(bucket: string, prefix: string, page: PageRequest): Promise<Page<StoredObject>>;
  delete(bucket: string, key: string): Promise<void>;
  /** A pre-signed artifact: its size and its bytes; undefined when the URL grants nothing (any more). */
  presigned(
    path: string,
    query: URLSearchParams,
  ): Promise<
    { size: number; open(range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array>> } | undefined
  >;
}

/** Who a client certificate is, and what it may do. */
export interface DeviceIdentity {
  readonly certificateId: string;
  /** Things that the certificate is attached to. */
  readonly things: readonly string[];
  /** Decides by the policies for one HTTP request, about `thing` if about one. Resources are ARNs, or `*`. */
  request(facts: {
    readonly thing?: string | undefined;
    readonly sourceIp?: string | undefined;
  }): (action: string, resource: string) => boolean;
}

/** Decides for one MQTT connection. */
export interface DeviceConnection {
  readonly certificateId: string;
  /** Things that the certificate is attached to now. */
  readonly things: readonly string[];
  /** Set while it is attached to none: as what it may provision itself, if its policies allow. */
  readonly claim: Claimant | undefined;
  /** By the policies as they are now. `resource` is what follows the account in its ARN: `topic/a/b`. */
  may(action: string, resource: string): boolean;
  /** Keeps it up to date until `release`. */
  hold(): void;
  release(): void;
}

/** Who asks to provision itself: devices that share a claim certificate. */
export interface Claimant {
  readonly certificateId: string;
  /** The one template of a claim that CreateProvisioningClaim made, and when it ends (epoch ms). */
  readonly template?: string;
  readonly expiresAt?: number;
}

export interface AccessUseCases {
  /** The secret of an access key; undefined when unknown. */
  secret(accessKeyId: string): Promise<string | undefined>;
  /**
   * The session behind temporary credentials, and their secret; undefined when they are not of this cloud. Fails with
   * `ExpiredTokenException` when their time is over.
   */
  session(accessKeyId: string, sessionToken: string): { session: Session; secret: string } | undefined;
  /** The identity behind a client certificate (DER); undefined unless registered and ACTIVE. */
  device(certificateDer: Uint8Array): Promise<DeviceIdentity | undefined>;
  /** The same for a client that connects over MQTT: the connection, or why it is refused. */
  connect(
    certificateDer: Uint8Array,
    facts: { readonly clientId: string; readonly sourceIp: string },
  ): Promise<DeviceConnection | { readonly refused: string }>;
}

export interface ProvisioningTemplateUseCases {
  /** The first version is the default. */
  create(input: {
    name: string;
    body: string;
    roleArn: string;
    enabled?: boolean;
    description?: string;
    tags?: Tags;
  }): Promise<ProvisioningTemplate>;
  /** With the body of the default version. */
  describe(name: string): Promise<{ template: ProvisioningTemplate; body: string }>;
  update(
    name: string,
    change: { description?: string; enabled?: boolean; defaultVersion?: number; roleArn?: string },
  ): Promise<void>;
  /** Also its versions. */
  delete(name: string): Promise<void>;
  list(page: PageRequest): Promise<Page<ProvisioningTemplate>>;
  createVersion(name: string, body: string, setAsDefault: boolean): Promise<{ version: number; isDefault: boolean }>;
  version(
    name: string,
    version: number,
  ): Promise<{ template: ProvisioningTemplate; version: ProvisioningTemplateVersion }>;
  versions(name: string): Promise<{ template: ProvisioningTemplate; versions: readonly ProvisioningTemplateVersion[] }>;
  deleteVersion(name: string, version: number): Promise<void>;
}

type IssuedCertificate = Pick<KeyAndCertificate, 'certificateId' | 'certificatePem'>;

/**
 * Besides the codes of IoT: `InvalidCertificateOwnershipToken` for a token that proves nothing, `UnauthorizedException` for a
 * template that is disabled or another claim's.
 */
export interface ProvisioningUseCases {
  readonly templates: ProvisioningTemplateUseCases;
  /** A claim for one template, ACTIVE until it expires (epoch ms). */
  createClaim(template: string): Promise<KeyAndCertificate & { expiresAt: number }>;
  /** A certificate PENDING_ACTIVATION; the token registers it. */
  createKeys(claimant: Claimant): Promise<KeyAndCertificate & { token: string }>;
  createFromCsr(claimant: Claimant, csr: string): Promise<IssuedCertificate & { token: string }>;
  /** Thing, groups, policies and certificate in one transaction. Asked again with the same token, it answers the same. */
  provision(
    claimant: Claimant,
    input: { template: string; token: string; parameters: ReadonlyMap<string, string> },
  ): Promise<{ thingName: string; deviceConfiguration: JsonObject }>;
  /** The same for an operator, who gives the template with the call. ARNs by logical name. */
  register(input: {
    body: string;
    parameters: ReadonlyMap<string, string>;
  }): Promise<{ certificatePem?: string; resourceArns: ReadonlyMap<string, string> }>;
}

export interface RoleAliasUseCases {
  create(input: { name: string; roleArn: string; credentialSeconds?: number; tags?: Tags }): Promise<RoleAlias>;
  describe(name: string): Promise<RoleAlias>;
  update(input: { name: string; roleArn?: string; credentialSeconds?: number }): Promise<void>;
  delete(name: string): Promise<void>;
  list(page: PageRequest, ascending: boolean): Promise<Page<RoleAlias>>;
  /** Short-lived credentials for a device; who it is has been checked. `expiresAt` is epoch ms. */
  assume(
    name: string,
    device: { certificateId: string; thing?: string },
  ): Promise<SessionCredentials & { expiresAt: number }>;
}

export interface ConnectivityUseCases {
  /** Nothing for a thing that has told none, or that is unknown. */
  get(thing: string): Promise<readonly ConnectivityEndpoint[]>;
  /** Replaces all. Returns the new version. */
  update(thing: string, endpoints: readonly ConnectivityEndpoint[]): Promise<string>;
  /** The core devices of a client device. Fails with `ResourceNotFoundException` when it has none. */
  discover(thing: string): Promise<readonly { core: string; endpoints: readonly ConnectivityEndpoint[] }[]>;
}

export interface ClientDeviceUseCases {
  /** Those that could not be associated; the others are. */
  associate(
    core: string,
    things: readonly string[],
  ): Promise<readonly { thing: string; code: string; message: string }[]>;
  disassociate(core: string, things: readonly string[]): Promise<void>;
  list(core: string, page: PageRequest): Promise<Page<ClientAssociation>>;
}

/** Times are epoch ms. */
export interface ServiceRoleUseCases {
  /** Fails with `ResourceNotFoundException` when there is none. */
  get(): Promise<ServiceRole>;
  associate(roleArn: string): Promise<number>;
  disassociate(): Promise<number>;
}

export interface TelemetryUseCases {
  /** Raw messages as they came, oldest first. Bad ones are logged and dropped; the last of each thing is kept. */
  ingest(messages: readonly { thing: string; payload: Uint8Array }[]): Promise<void>;
  /** Fails with `ResourceNotFoundException` when none was kept. */
  get(thing: string): Promise<Telemetry>;
}

export interface MessageUseCases {
  /** To the MQTT clients that are subscribed. */
  publish(message: MessageToPublish): void;
}
