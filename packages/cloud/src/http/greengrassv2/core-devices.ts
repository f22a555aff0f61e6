import type { greengrassv2, InstalledComponent } from '@greensward/protocol/greengrassv2';
import type { CoreDevice, InstalledComponent as InstalledRecord } from '../../domain/devices/core-device.ts';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type CoreDeviceHandlers = Pick<
  Handlers<typeof greengrassv2.operations>,
  'GetCoreDevice' | 'ListCoreDevices' | 'DeleteCoreDevice' | 'ListInstalledComponents'
>;

const lifecycleStates = [
  'BROKEN',
  'ERRORED',
  'FINISHED',
  'INSTALLED',
  'NEW',
  'RUNNING',
  'STARTING',
  'STOPPING',
] as const;

export const coreDeviceHandlers: CoreDeviceHandlers = {
  async GetCoreDevice({ coreDeviceThingName }, { app }) {
    const { device, tags } = await app.devices.get(coreDeviceThingName);
    return { ...summaryOf(device), coreVersion: device.coreVersion, tags };
  },

  async ListCoreDevices({ thingGroupArn, status, runtime, nextToken, maxResults }, { app }) {
    const pages = pager('ListCoreDevices', { thingGroupArn, status, runtime });
    const page = await app.devices.list(pages.request(nextToken, maxResults ?? 50), {
      ...(status === undefined ? {} : { status }),
      ...(runtime === undefined ? {} : { runtime }),
      ...(thingGroupArn === undefined ? {} : { groupArn: thingGroupArn }),
    });
    return { coreDevices: page.items.map(summaryOf), nextToken: pages.token(page.next) };
  },

  async DeleteCoreDevice({ coreDeviceThingName }, { app }) {
    await app.devices.delete(coreDeviceThingName);
    return undefined;
  },

  async ListInstalledComponents({ coreDeviceThingName, topologyFilter = 'ROOT', nextToken, maxResults }, { app }) {
    const pages = pager('ListInstalledComponents', { coreDeviceThingName, topologyFilter });
    const request = pages.request(nextToken, maxResults ?? 50);
    const components = await app.devices.components(coreDeviceThingName, topologyFilter);
    const page = pageOf(components, request, (component) => component.name);
    return { installedComponents: page.items.map(installedOf), nextToken: pages.token(page.next) };
  },
};

function summaryOf(device: CoreDevice) {
  return {
    coreDeviceThingName: device.thing,
    status: device.status,
    lastStatusUpdateTimestamp: device.statusUpdatedAt,
    platform: device.platform,
    architecture: device.architecture,
    runtime: device.runtime,
  };
}

function installedOf(component: InstalledRecord): InstalledComponent {
  return {
    componentName: component.name,
    componentVersion: component.version,
    // What a device reports is text; the API knows these states only.
    lifecycleState: lifecycleStates.find((state) => state === component.state),
    lifecycleStateDetails: component.statusReason === '' ? undefined : component.statusReason,
    isRoot: component.isRoot,
    lastStatusChangeTimestamp: component.changedAt,
    lastReportedTimestamp: component.reportedAt,
    lastInstallationSource: component.installationSource,
    lifecycleStatusCodes: component.statusCodes,
  };
}
