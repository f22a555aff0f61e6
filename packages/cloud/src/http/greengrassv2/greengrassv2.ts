import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { ServiceRoutes } from '../exchange.ts';
import { type Handlers, restJsonRoutes, restJsonService } from '../wire/rest-json.ts';
import { clientDeviceHandlers } from './client-devices.ts';
import { componentHandlers } from './components.ts';
import { coreDeviceHandlers } from './core-devices.ts';
import { deploymentHandlers } from './deployments.ts';
import { tagHandlers } from './tags.ts';

/** Every operation that is served: one that lacks its handler is a type error. */
export const greengrassHandlers: Handlers<typeof greengrassv2.operations> = {
  ...componentHandlers,
  ...deploymentHandlers,
  ...coreDeviceHandlers,
  ...tagHandlers,
  ...clientDeviceHandlers,
};

/** The largest `merge` of one component is 10 MiB of characters. */
export const greengrassMaxBytes = new Map([
  ['CreateDeployment', 32 * 1024 * 1024],
  // What a device may make us keep.
  ['UpdateConnectivityInfo', 64 * 1024],
]);

/** AWS IoT Greengrass V2, signed. */
export function greengrassService(): ServiceRoutes {
  return restJsonService(
    greengrassv2,
    restJsonRoutes(greengrassv2, greengrassHandlers, { access: 'signed', maxBytes: greengrassMaxBytes }),
  );
}
