import { thingArn } from '@greensward/protocol/arn';
import type { DiscoverRequest, DiscoverResponse } from '@greensward/protocol/data-plane';
import { scopeOf } from '../arns.ts';
import type { Call } from '../exchange.ts';

/** Tells a client device which core devices it may connect to, and where they are. 404 when there is none. */
export async function discover({ thingName }: DiscoverRequest, { app, account }: Call): Promise<DiscoverResponse> {
  const cores = await app.connectivity.discover(thingName);
  return {
    GGGroups: cores.map(({ core, endpoints }) => ({
      GGGroupId: `greengrassV2-coreDevice-${core}`,
      Cores: [
        {
          thingArn: thingArn(scopeOf(account), core),
          Connectivity: endpoints.map(({ id, hostAddress, portNumber, metadata = '' }) => ({
            Id: id ?? hostAddress ?? '',
            HostAddress: hostAddress ?? '',
            PortNumber: portNumber ?? 0,
            Metadata: metadata,
          })),
        },
      ],
      // The authorities of core devices are not kept here.
      CAs: [],
    })),
  };
}
