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

export interface AssumeRoleWithCertificateRequest {
  readonly roleAlias: string;
  /** A thing that the certificate is attached to. */
  readonly thingName?: string | undefined;
}

/** What AWS calls temporary security credentials. */
export interface AssumeRoleWithCertificateResponse {
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string;
    /** ISO 8601. */
    readonly expiration: string;
  };
}

export interface DiscoverRequest {
  readonly thingName: string;
}

/** The core devices that a client device may connect to. */
export interface DiscoverResponse {
  readonly GGGroups: readonly {
    readonly GGGroupId: string;
    readonly Cores: readonly {
      readonly thingArn: string;
      readonly Connectivity: readonly {
        readonly Id: string;
        readonly HostAddress: string;
        readonly PortNumber: number;
        readonly Metadata: string;
      }[];
    }[];
    /** PEM: what signed the certificates of the cores' own brokers. */
    readonly CAs: readonly string[];
  }[];
}

interface Operations {
  readonly AssumeRoleWithCertificate: Operation<AssumeRoleWithCertificateRequest, AssumeRoleWithCertificateResponse>;
  readonly Discover: Operation<DiscoverRequest, DiscoverResponse>;
  readonly ListThingGroupsForCoreDevice: Operation<
    ListThingGroupsForCoreDeviceRequest,
    ListThingGroupsForCoreDeviceResponse
  >;
}

const credentialsUri = '/role-aliases/{roleAlias}/credentials';
const discoverUri = '/greengrass/discover/thing/{thingName}';
const uri = '/greengrass/v2/coreDevices/{coreDeviceThingName}/thingGroups';

const table: ServiceTable = {
  service: 'greengrass-data-plane',
  operations: {
    AssumeRoleWithCertificate: {
      method: 'GET',
      uri: credentialsUri,
      status: 200,
      input: 'AssumeRoleWithCertificateRequest',
      output: 'AssumeRoleWithCertificateResponse',
      errors: ['AccessDeniedException', 'InternalServerException', 'ResourceNotFoundException', 'ValidationException'],
    },
    Discover: {
      method: 'GET',
      uri: discoverUri,
      status: 200,
      input: 'DiscoverRequest',
      output: 'DiscoverResponse',
      errors: ['AccessDeniedException', 'InternalServerException', 'ResourceNotFoundException', 'ValidationException'],
    },
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
    AssumeRoleWithCertificateRequest: {
      roleAlias: { type: 'string', required: true, in: 'label' },
      thingName: { type: 'string', in: 'header', wire: 'x-amzn-iot-thingname' },
    },
    AssumeRoleWithCertificateResponse: { credentials: { type: 'json', required: true } },
    DiscoverRequest: { thingName: { type: 'string', required: true, in: 'label' } },
    DiscoverResponse: { GGGroups: { type: 'json', required: true } },
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
    ResourceNotFoundException: { status: 404, members: {} },
    ThrottlingException: { status: 429, members: {} },
    ValidationException: { status: 400, members: { reason: { type: 'string' } } },
  },
  allOperations: {
    AssumeRoleWithCertificate: ['GET', credentialsUri],
    Discover: ['GET', discoverUri],
    ListThingGroupsForCoreDevice: ['GET', uri],
  },
};

/** The Greengrass data plane's own calls, and the credential provider of IoT: made by devices with their certificate, unsigned. */
export const dataPlane: Service<Operations> = defineService<Operations>(table, {
  'ListThingGroupsForCoreDeviceRequest.coreDeviceThingName': { min: 1, max: 128 },
});
