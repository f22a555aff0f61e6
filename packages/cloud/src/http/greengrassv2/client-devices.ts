import type { ConnectivityInfo, greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { ConnectivityEndpoint } from '../../domain/devices/client-devices.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type ClientDeviceHandlers = Pick<
  Handlers<typeof greengrassv2.operations>,
  | 'AssociateServiceRoleToAccount'
  | 'BatchAssociateClientDeviceWithCoreDevice'
  | 'BatchDisassociateClientDeviceFromCoreDevice'
  | 'DisassociateServiceRoleFromAccount'
  | 'GetConnectivityInfo'
  | 'GetServiceRoleForAccount'
  | 'ListClientDevicesAssociatedWithCoreDevice'
  | 'UpdateConnectivityInfo'
>;

export const clientDeviceHandlers: ClientDeviceHandlers = {
  async BatchAssociateClientDeviceWithCoreDevice({ coreDeviceThingName, entries = [] }, { app }) {
    const names = entries.map(({ thingName }) => thingName);
    const failures = await app.clientDevices.associate(coreDeviceThingName, names);
    return { errorEntries: failures.map(({ thing, code, message }) => ({ thingName: thing, code, message })) };
  },

  async BatchDisassociateClientDeviceFromCoreDevice({ coreDeviceThingName, entries = [] }, { app }) {
    const names = entries.map(({ thingName }) => thingName);
    await app.clientDevices.disassociate(coreDeviceThingName, names);
    return { errorEntries: [] };
  },

  async ListClientDevicesAssociatedWithCoreDevice({ coreDeviceThingName, nextToken, maxResults }, { app }) {
    const pages = pager('ListClientDevicesAssociatedWithCoreDevice', { coreDeviceThingName });
    const page = await app.clientDevices.list(coreDeviceThingName, pages.request(nextToken, maxResults ?? 50));
    return {
      associatedClientDevices: page.items.map(({ thing, associatedAt }) => ({
        thingName: thing,
        associationTimestamp: associatedAt,
      })),
      nextToken: pages.token(page.next),
    };
  },

  async GetConnectivityInfo({ thingName }, { app }) {
    return { connectivityInfo: await app.connectivity.get(thingName) };
  },

  async UpdateConnectivityInfo({ thingName, connectivityInfo }, { app }) {
    const version = await app.connectivity.update(thingName, connectivityInfo.map(endpointOf));
    return { version, message: 'The connectivity information was updated.' };
  },

  async AssociateServiceRoleToAccount({ roleArn }, { app }) {
    return { associatedAt: iso(await app.serviceRole.associate(roleArn)) };
  },

  async GetServiceRoleForAccount(_input, { app }) {
    const { roleArn, associatedAt } = await app.serviceRole.get();
    return { roleArn, associatedAt: iso(associatedAt) };
  },

  async DisassociateServiceRoleFromAccount(_input, { app }) {
    return { disassociatedAt: iso(await app.serviceRole.disassociate()) };
  },
};

function endpointOf({ id, hostAddress, portNumber, metadata }: ConnectivityInfo): ConnectivityEndpoint {
  return {
    ...(id === undefined ? {} : { id }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
    ...(portNumber === undefined ? {} : { portNumber }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** These times are text on the wire, in the form that AWS writes them. */
function iso(ms: number): string {
  return new Date(ms).toISOString();
}
