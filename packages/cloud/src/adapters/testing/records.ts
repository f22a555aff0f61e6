import type { ComponentVersion } from '../../domain/components/component.ts';
import type { Deployment } from '../../domain/deployment/deployment.ts';
import type { CoreDevice, InstalledComponent } from '../../domain/devices/core-device.ts';
import type { Execution, Job } from '../../domain/jobs/job.ts';
import type { Thing, ThingGroup } from '../../domain/registry/registry.ts';

// Records for tests: complete, with what a test is about given as the argument.

export const aThing = (name: string, rest: Partial<Thing> = {}): Thing => ({
  name,
  id: `id-${name}`,
  attributes: {},
  version: 1,
  createdAt: 1_700_000_000_000,
  ...rest,
});

export const aGroup = (name: string, parent?: string): ThingGroup => ({
  name,
  id: `id-${name}`,
  attributes: {},
  ...(parent === undefined ? {} : { parent }),
  version: 1,
  createdAt: 1_700_000_000_000,
});

export const groupArn = (name: string) => `arn:aws:iot:us-east-1:000000000000:thinggroup/${name}`;

export const aJob = (id: string, group: string, rest: Partial<Job> = {}): Job => ({
  id,
  deploymentId: `deployment-of-${id}`,
  carrier: 'job',
  target: { kind: 'thinggroup', name: group },
  targetArn: groupArn(group),
  document: '{}',
  status: 'IN_PROGRESS',
  forceCanceled: false,
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_000,
  ...rest,
});

export const anExecution = (jobId: string, thing: string, rest: Partial<Execution> = {}): Execution => ({
  jobId,
  thing,
  number: 1,
  status: 'QUEUED',
  version: 1,
  statusDetails: {},
  queuedAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_000,
  forceCanceled: false,
  ...rest,
});

export const aDeployment = (
  id: string,
  group: string,
  revision: number,
  rest: Partial<Deployment> = {},
): Deployment => ({
  id,
  target: { kind: 'thinggroup', name: group },
  targetArn: groupArn(group),
  revision,
  request: { targetArn: groupArn(group) },
  document: '{}',
  jobId: `job-of-${id}`,
  status: 'ACTIVE',
  latest: true,
  createdAt: 1_700_000_000_000 + revision,
  ...rest,
});

export const aComponent = (name: string, version: string, rest: Partial<ComponentVersion> = {}): ComponentVersion => ({
  name,
  version,
  recipe: '{}',
  recipeFormat: 'JSON',
  platforms: [{ attributes: { os: 'linux' } }],
  artifacts: [],
  state: 'DEPLOYABLE',
  message: 'NONE',
  errors: {},
  createdAt: 1_700_000_000_000,
  ...rest,
});

export const aDevice = (thing: string, rest: Partial<CoreDevice> = {}): CoreDevice => ({
  thing,
  coreVersion: '2.14.0',
  platform: 'linux',
  architecture: 'amd64',
  status: 'HEALTHY',
  statusUpdatedAt: 1_700_000_000_000,
  sequence: 1,
  ...rest,
});

export const anInstalled = (
  thing: string,
  name: string,
  rest: Partial<InstalledComponent> = {},
): InstalledComponent => ({
  thing,
  name,
  version: '1.0.0',
  state: 'RUNNING',
  statusCodes: [],
  isRoot: true,
  sources: [],
  changedAt: 1_700_000_000_000,
  reportedAt: 1_700_000_000_000,
  ...rest,
});
