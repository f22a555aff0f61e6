import { type Clock, Fault, type Ids } from '@greensward/kit';
import type { CreateLocalDeploymentRequest, LocalDeployment, LocalDeploymentStatus } from '@greensward/protocol/ipc';
import type { DeviceStore } from '../store/device-store.ts';
import { type DeploymentRecord, deploymentKey } from '../store/records.ts';
import type { LocalArrival } from './arrivals.ts';
import { readLocalRequest, requestToJson } from './local-request.ts';

export interface LocalDeploymentsDeps {
  readonly store: Pick<DeviceStore, 'localDeployments' | 'deployment'>;
  readonly arrive: (arrival: LocalArrival) => void;
  /** Refuses folders that a deployment cannot use. @throws Fault `InvalidRecipeDirectoryPathError`, `InvalidArtifactsDirectoryPathError`. */
  readonly checkFolders: (recipes: string | undefined, artifacts: string | undefined) => Promise<void>;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Deployments that a person makes on the device, and what becomes of them. */
export interface LocalDeployments {
  /** Queues it and returns its id. @throws Fault with an error code of CreateLocalDeployment. */
  create(request: CreateLocalDeploymentRequest): Promise<string>;
  /** What to tell the person. @throws Fault `InvalidArgumentsError`, `ResourceNotFoundError`. */
  cancel(deploymentId: string): string;
  status(deploymentId: string): LocalDeployment;
  list(): readonly LocalDeployment[];
}

/** Local deployments that may wait. */
const maxWaiting = 50;

export function createLocalDeployments(deps: LocalDeploymentsDeps): LocalDeployments {
  const { store, arrive, clock, ids } = deps;

  function recordOf(deploymentId: string): DeploymentRecord {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(deploymentId))
      throw new Fault('InvalidArgumentsError', 'Invalid deploymentId format received. DeploymentId is a UUID');
    const id = deploymentId.toLowerCase();
    const record = store.deployment(deploymentKey({ kind: 'local', deploymentId: id, createdOn: 0 }));
    if (record !== undefined) return record;
    throw new Fault('ResourceNotFoundError', `Cannot find the deployment id provided ${deploymentId}`, {
      context: { resourceType: 'LocalDeployment', resourceName: deploymentId },
    });
  }

  return {
    async create(sent) {
      const request = readLocalRequest(sent);
      await deps.checkFolders(request.recipeFolder, request.artifactFolder);
      const waiting = store.localDeployments().filter(({ stage }) => stage !== 'ENDED').length;
      if (waiting >= maxWaiting)
        throw new Fault('ServiceError', 'Deployments queue is full, Please try again later', { retryable: true });
      const deploymentId = ids.uuid();
      arrive({ kind: 'local', deploymentId, createdOn: clock.now(), request: requestToJson(request) });
      // A runtime that stops takes nothing.
      if (store.deployment(`local/${deploymentId}`) === undefined)
        throw new Fault('ServiceError', 'The device runtime is stopping', { retryable: true });
      return deploymentId;
    },
    cancel(deploymentId) {
      const before = recordOf(deploymentId);
      if (before.stage === 'ENDED')
        return 'Cancellation request is not processed because deployment is already finished';
      if (before.source.kind === 'local') arrive({ kind: 'cancel-local', deploymentId: before.source.deploymentId });
      const { stage, cancelled } = recordOf(deploymentId);
      // One that changes components goes back first, and ends then.
      if (stage === 'ENDED' || cancelled === true) return `Cancel request submitted. Deployment ID: ${deploymentId}`;
      return 'Cancellation request is not processed because deployment is going back already';
    },
    status: (deploymentId) => describe(recordOf(deploymentId), true),
    list: () => store.localDeployments().map((record) => describe(record, false)),
  };
}

function describe(record: DeploymentRecord, withDetails: boolean): LocalDeployment {
  const { source, outcome } = record;
  if (source.kind !== 'local') throw new Error(`${record.key} is no local deployment`);
  const { detailedStatus, failure } = outcome ?? {};
  return {
    deploymentId: source.deploymentId,
    status: statusOf(record),
    createdOn: dateText(source.createdOn),
    deploymentStatusDetails:
      !withDetails || detailedStatus === undefined
        ? undefined
        : {
            detailedDeploymentStatus: detailedStatus,
            deploymentErrorStack: failure?.errorStack,
            deploymentErrorTypes: failure?.errorTypes,
            deploymentFailureCause: failure?.cause,
          },
  };
}

function statusOf({ stage, outcome }: DeploymentRecord): LocalDeploymentStatus {
  if (stage === 'QUEUED') return 'QUEUED';
  if (stage !== 'ENDED') return 'IN_PROGRESS';
  const { status = 'FAILED' } = outcome ?? {};
  return status === 'REJECTED' ? 'FAILED' : status;
}

/** The reference's `dd-MM-uuuu HH:mm:ss z`, in UTC. */
function dateText(ms: number): string {
  const [date = '', time = ''] = new Date(ms).toISOString().split('T');
  return `${date.split('-').reverse().join('-')} ${time.slice(0, 8)} UTC`;
}
