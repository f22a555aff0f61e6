import type { JsonObject } from '@greensward/kit';
import type { DeploymentOutcome } from './jobs.ts';
import { type Payload, readPayload } from './payload.ts';
import { DETAILED_STATUSES, JOB_EXECUTION_STATUSES, type JobExecutionStatus } from './vocabulary.ts';

// The sections of the named shadow AWSManagedGreengrassV2Deployment (device-side: ShadowDeploymentListener).

/** What the cloud asks for. Both members go into every write: a device reacts to the echo of what was sent. */
export interface DeploymentDesired {
  /** The deployment document as JSON text. */
  readonly fleetConfig: string;
  /** `CANCELED` cancels; anything else deploys. */
  readonly desiredStatus: string;
}

/** What the device reports. Read `outcome.detailedStatus` only with a terminal status: it is not cleared before. */
export interface DeploymentReported {
  readonly configurationArn: string;
  readonly status: JobExecutionStatus;
  readonly outcome: DeploymentOutcome;
  readonly nucleusVersion: string | undefined;
}

/** A shadow message as a device reads it. */
export interface DeploymentShadowMessage {
  readonly version: number;
  readonly desired: DeploymentDesired | undefined;
  readonly reported: DeploymentReported | undefined;
}

/** The desired section of a deployment, or of its cancellation. */
export function deploymentDesired(fleetConfig: string, canceled: boolean): JsonObject {
  return { fleetConfig, desiredStatus: canceled ? 'CANCELED' : 'SUCCEEDED' };
}

/**
 * A device's report, payload of `/update`. No version is sent: a report must not be lost to a version conflict. Causes
 * and lists are always there, empty to clear what an earlier deployment left.
 */
export function deploymentReport(thingName: string, shadowName: string, reported: DeploymentReported): JsonObject {
  const { outcome } = reported;
  return {
    thingName,
    shadowName,
    state: {
      reported: {
        fleetConfigurationArnForStatus: reported.configurationArn,
        status: reported.status,
        statusDetails: {
          detailedStatus: outcome.detailedStatus,
          failureCause: outcome.failureCause ?? '',
          errorStack: [...(outcome.errorStack ?? [])],
          errorTypes: [...(outcome.errorTypes ?? [])],
          // Null clears what an earlier deployment left.
          ignoredConfiguration: outcome.ignoredConfiguration?.slice(0, 1024) ?? null,
        },
        ggcVersion: reported.nucleusVersion,
      },
    },
  };
}

/** A document of `/get/accepted` or `/update/accepted`. @throws Fault InvalidJson */
export function parseDeploymentShadow(bytes: Uint8Array): DeploymentShadowMessage {
  const payload = readPayload(bytes, 'InvalidJson');
  const state = payload.object('state');
  return {
    version: payload.integer('version') ?? 0,
    desired: desiredOf(state?.object('desired')),
    reported: reportedOf(state?.object('reported')),
  };
}

/** The report in an update a device published; undefined when there is none. @throws Fault InvalidJson */
export function parseDeploymentReport(bytes: Uint8Array): DeploymentReported | undefined {
  return reportedOf(readPayload(bytes, 'InvalidJson').object('state')?.object('reported'));
}

function desiredOf(payload: Payload | undefined): DeploymentDesired | undefined {
  const fleetConfig = payload?.string('fleetConfig');
  const desiredStatus = payload?.string('desiredStatus');
  return fleetConfig === undefined || desiredStatus === undefined ? undefined : { fleetConfig, desiredStatus };
}

function reportedOf(payload: Payload | undefined): DeploymentReported | undefined {
  const configurationArn = payload?.string('fleetConfigurationArnForStatus');
  const status = JOB_EXECUTION_STATUSES.find((item) => item === payload?.raw('status'));
  if (payload === undefined || configurationArn === undefined || status === undefined) return undefined;
  return {
    configurationArn,
    status,
    outcome: readOutcome(payload.object('statusDetails')),
    nucleusVersion: payload.string('ggcVersion'),
  };
}

/** `{detailedStatus, failureCause, errorStack, errorTypes}` as shadow and fleet status carry it. */
export function readOutcome(payload: Payload | undefined): DeploymentOutcome {
  return {
    detailedStatus: DETAILED_STATUSES.find((item) => item === payload?.raw('detailedStatus')),
    failureCause: payload?.string('failureCause'),
    errorStack: payload?.strings('errorStack'),
    errorTypes: payload?.strings('errorTypes'),
  };
}
