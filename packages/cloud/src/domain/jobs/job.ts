import type { DeploymentOutcome } from '@greensward/protocol/jobs';
import type { DeploymentTarget } from '../deployment/deployment.ts';

/** The namespace of every job that carries a deployment. */
export const deploymentNamespace = 'aws-gg-deployment';

export type JobStatus = 'IN_PROGRESS' | 'CANCELED' | 'COMPLETED';

/**
 * The rollout of one deployment. `carrier` says how devices get it: an IoT job (thing groups) or the deployment shadow
 * (things). Both kinds keep their state in the same records; only jobs are shown by the IoT API.
 */
export interface Job {
  readonly id: string;
  readonly deploymentId: string;
  readonly carrier: 'job' | 'shadow';
  readonly target: DeploymentTarget;
  readonly targetArn: string;
  readonly document: string;
  /** The `iotJobConfiguration` of the request, JSON text; absent when none was given. */
  readonly configuration?: string;
  readonly status: JobStatus;
  readonly reasonCode?: string;
  readonly comment?: string;
  readonly forceCanceled: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly completedAt?: number;
  /** State of the pacing between two ticks of the rollout task, JSON text; opaque outside model/rollout. */
  readonly rateState?: string;
  /**
   * Carrier `job`, in progress: the members of the target are given executions in the order of their names, and those up to
   * this name have been looked at ('' at the start). Absent when all have been.
   */
  readonly rolloutAfter?: string;
  /**
   * In progress: things are tried again whose execution failed, in the order of their names; those up to this name have been
   * looked at ('' at the start). Absent when that is not asked for, or over.
   */
  readonly retryAfter?: string;
  /** It has ended, and not all of its executions have been written so. Reads show their end; only the store sets it. */
  readonly sweeping?: true;
}

export type ExecutionStatus =
  | 'QUEUED'
  | 'IN_PROGRESS'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'REJECTED'
  | 'REMOVED'
  | 'CANCELED';

/** One thing's run of one job. Times are epoch ms. */
export interface Execution {
  readonly jobId: string;
  readonly thing: string;
  /** From 1; a new number each time the thing gets the job again. */
  readonly number: number;
  readonly status: ExecutionStatus;
  /** Starts at 1, +1 per change. */
  readonly version: number;
  readonly statusDetails: Readonly<Record<string, string>>;
  readonly queuedAt: number;
  readonly startedAt?: number;
  readonly updatedAt: number;
  /** When the in-progress or step timer fires, whichever is earlier; absent without a timer or in a terminal status. */
  readonly timesOutAt?: number;
  readonly forceCanceled: boolean;
  /** How the deployment ended, as the device told it outside the status details, which are cut at 1024 characters. */
  readonly outcome?: DeploymentOutcome;
}

/** Executions of a job by status; a thing counts once, by its newest execution. */
export type ExecutionCounts = Readonly<Record<ExecutionStatus, number>>;
