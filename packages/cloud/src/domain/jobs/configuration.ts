import type { JobConfiguration } from '@greensward/model/rollout';
import type { Job } from './job.ts';

/** The `iotJobConfiguration` of a job; empty when the deployment gave none. */
export function jobConfiguration(job: Job): JobConfiguration {
  return job.configuration === undefined ? {} : JSON.parse(job.configuration);
}
