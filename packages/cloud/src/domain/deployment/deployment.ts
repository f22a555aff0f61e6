import type { CreateDeploymentRequest } from '@greensward/protocol/greengrassv2';

export type DeploymentStatus = 'ACTIVE' | 'COMPLETED' | 'CANCELED' | 'FAILED' | 'INACTIVE';

/** The one target of a deployment. */
export interface DeploymentTarget {
  readonly kind: 'thing' | 'thinggroup';
  readonly name: string;
}

/**
 * One revision for one target. `request` is what the client sent, member by member, so that it can be returned as it was
 * sent (`merge` byte for byte); it never changes.
 */
export interface Deployment {
  readonly id: string;
  readonly target: DeploymentTarget;
  readonly targetArn: string;
  /** Decimal counter per target, from 1; never reused, even after a delete. */
  readonly revision: number;
  readonly request: Omit<CreateDeploymentRequest, 'clientToken' | 'tags'>;
  /** The deployment document that devices get, JSON text. */
  readonly document: string;
  /** Id of the job (or of the shadow rollout, which no API shows) that carries it; another UUID than `id`. */
  readonly jobId: string;
  readonly status: DeploymentStatus;
  /** Why the status is what it is, for CANCELED, FAILED and INACTIVE. */
  readonly statusReason?: string;
  readonly latest: boolean;
  /** Epoch ms; strictly increasing per target (devices refuse a document older than the last). */
  readonly createdAt: number;
}
