import { defineService, type Service } from './service.ts';
import type { Operation, ServiceTable } from './table.ts';

// What a core device calls over mTLS and the public SDK does not have, in the same form as the generated tables.
// ResolveComponentCandidates and GetComponentVersionArtifact are the operations of greengrassv2.

interface ThingGroupName {
  readonly thingGroupName: string;
  readonly thingGroupArn?: string | undefined;
}

export interface CoreDeviceThingGroup extends ThingGroupName {
  /** Ancestors of the group, root first, parent last. */
  readonly rootToParentThingGroups?: readonly ThingGroupName[] | undefined;
}

export interface ListThingGroupsForCoreDeviceRequest {
  readonly coreDeviceThingName: string;
  readonly nextToken?: string | undefined;
}

/** Groups the thing is a direct member of. `nextToken` is absent on the last page. */
export interface ListThingGroupsForCoreDeviceResponse {
  readonly thingGroups: readonly CoreDeviceThingGroup[];
  readonly nextToken?: string | undefined;
}

interface Operations {
  readonly ListThingGroupsForCoreDevice: Operation<
    ListThingGroupsForCoreDeviceRequest,
    ListThingGroupsForCoreDeviceResponse
  >;
}

const uri = '/greengrass/v2/coreDevices/{coreDeviceThingName}/thingGroups';

const table: ServiceTable = {
  service: 'greengrass-data-plane',
  operations: {
    ListThingGroupsForCoreDevice: {
      method: 'GET',
      uri,
      status: 200,
      input: 'ListThingGroupsForCoreDeviceRequest',
      output: 'ListThingGroupsForCoreDeviceResponse',
      errors: ['AccessDeniedException', 'InternalServerException', 'ThrottlingException', 'ValidationException'],
    },
  },
  enums: {},
  structures: {
    ListThingGroupsForCoreDeviceRequest: {
      coreDeviceThingName: { type: 'string', required: true, in: 'label' },
      nextToken: { type: 'string', in: 'query' },
    },
    ListThingGroupsForCoreDeviceResponse: {
      thingGroups: { type: '[CoreDeviceThingGroup]', required: true },
      nextToken: { type: 'string' },
    },
    CoreDeviceThingGroup: {
      thingGroupName: { type: 'string', required: true },
      thingGroupArn: { type: 'string' },
      rootToParentThingGroups: { type: '[ThingGroupName]' },
    },
    ThingGroupName: {
      thingGroupName: { type: 'string', required: true },
      thingGroupArn: { type: 'string' },
    },
  },
  errors: {
    AccessDeniedException: { status: 403, members: {} },
    InternalServerException: { status: 500, members: {} },
    ThrottlingException: { status: 429, members: {} },
    ValidationException: { status: 400, members: { reason: { type: 'string' } } },
  },
  allOperations: { ListThingGroupsForCoreDevice: ['GET', uri] },
};

/** The Greengrass data plane's own calls, made by devices with their certificate, unsigned. */
export const dataPlane: Service<Operations> = defineService<Operations>(table, {
  'ListThingGroupsForCoreDeviceRequest.coreDeviceThingName': { min: 1, max: 128 },
});
