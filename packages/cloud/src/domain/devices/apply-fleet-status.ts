import type { FleetStatus, FleetStatusComponent } from '@greensward/protocol/fleet-status';
import type { CoreDevice, InstalledComponent } from './core-device.ts';

/** What a fleet status message changes. */
export interface FleetStatusChange {
  readonly device: CoreDevice;
  /** New and changed components. */
  readonly put: readonly InstalledComponent[];
  /** Names of components that are gone. */
  readonly removed: readonly string[];
}

/**
 * Applies a whole (unchunked) fleet status message; undefined when it is older than what is known. A sequence that starts
 * anew is believed of a nucleus that says it was just launched: the device was installed again.
 */
export function applyFleetStatus(
  known: CoreDevice | undefined,
  installed: readonly InstalledComponent[],
  status: FleetStatus,
): FleetStatusChange | undefined {
  const restarted = status.trigger === 'NUCLEUS_LAUNCH' && status.sequenceNumber <= 1;
  if (known !== undefined && status.sequenceNumber <= known.sequence && !restarted) return undefined;
  const before = new Map(installed.map((component) => [component.name, component]));
  const put = new Map<string, InstalledComponent>();
  const removed = new Set<string>();
  for (const component of status.components) {
    const name = component.componentName;
    if (isGone(component, status)) removed.add(name);
    else put.set(name, installedComponent(component, before.get(name), status));
  }
  for (const name of status.deployment?.unchangedRootComponents ?? []) {
    const present = put.has(name) ? undefined : before.get(name);
    if (present !== undefined) put.set(name, { ...present, ...sourceOf(status), reportedAt: status.timestamp });
  }
  if (status.messageType === 'COMPLETE') for (const name of before.keys()) if (!put.has(name)) removed.add(name);
  return {
    device: {
      thing: status.thing,
      coreVersion: status.ggcVersion || (known?.coreVersion ?? ''),
      platform: status.platform || (known?.platform ?? ''),
      architecture: status.architecture || (known?.architecture ?? ''),
      ...(status.runtime === undefined ? {} : { runtime: status.runtime }),
      status: status.overallDeviceStatus,
      statusUpdatedAt: status.timestamp,
      sequence: status.sequenceNumber,
    },
    put: [...put.values()],
    removed: [...removed].filter((name) => before.has(name)),
  };
}

/**
 * Newer nuclei say UNINSTALLED. Older ones send a removed component once more after the deployment that removed it, with its
 * last state and no configuration that wants it; a component that errs in its first deployment looks the same, but not in
 * the message of a deployment that succeeded.
 */
function isGone(component: FleetStatusComponent, status: FleetStatus): boolean {
  if (component.status === 'UNINSTALLED') return true;
  if (status.messageType !== 'PARTIAL' || status.deployment?.status !== 'SUCCEEDED') return false;
  return component.fleetConfigArns.length === 0 && !isBuiltIn(component);
}

/** Services that are part of the nucleus have no version of their own. */
function isBuiltIn({ componentName, version }: FleetStatusComponent): boolean {
  return (
    version === undefined || version === '' || version === '0.0.0' || componentName.startsWith('aws.greengrass.Nucleus')
  );
}

function installedComponent(
  component: FleetStatusComponent,
  before: InstalledComponent | undefined,
  status: FleetStatus,
): InstalledComponent {
  const version = component.version || (before?.version ?? '0.0.0');
  const same = before !== undefined && before.state === component.status && before.version === version;
  const inherited = before?.installationSource === undefined ? {} : { installationSource: before.installationSource };
  return {
    thing: status.thing,
    name: component.componentName,
    version,
    state: component.status,
    statusCodes: component.statusCodes,
    ...(component.statusReason === undefined || component.statusReason === ''
      ? {}
      : { statusReason: component.statusReason }),
    isRoot: component.isRoot,
    sources: component.fleetConfigArns,
    ...inherited,
    ...(component.fleetConfigArns.length > 0 ? sourceOf(status) : {}),
    changedAt: same ? before.changedAt : status.timestamp,
    reportedAt: status.timestamp,
  };
}

/** What a deployment that succeeded was: its id, or LOCAL. */
function sourceOf({ deployment, trigger }: FleetStatus): { installationSource?: string } {
  if (deployment?.status !== 'SUCCEEDED') return {};
  if (trigger === 'LOCAL_DEPLOYMENT') return { installationSource: 'LOCAL' };
  return deployment.deploymentId === undefined ? {} : { installationSource: deployment.deploymentId };
}
