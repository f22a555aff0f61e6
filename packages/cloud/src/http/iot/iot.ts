import { iot } from '@greensward/protocol/iot';
import type { ServiceRoutes } from '../exchange.ts';
import { type Handlers, restJsonRoutes, restJsonService } from '../wire/rest-json.ts';
import { authorityHandlers } from './authorities.ts';
import { certificateHandlers } from './certificates.ts';
import { dynamicGroupHandlers } from './dynamic-groups.ts';
import { endpointHandlers } from './endpoints.ts';
import { fleetIndexHandlers } from './fleet-index.ts';
import { groupHandlers } from './groups.ts';
import { jobHandlers } from './jobs.ts';
import { policyHandlers } from './policies.ts';
import { policyVersionHandlers } from './policy-versions.ts';
import { provisioningHandlers } from './provisioning.ts';
import { roleAliasHandlers } from './role-aliases.ts';
import { iotTagHandlers } from './tags.ts';
import { thingTypeHandlers } from './thing-types.ts';
import { thingHandlers } from './things.ts';

/** Every operation that is served: one that lacks its handler is a type error. */
const handlers: Handlers<typeof iot.operations> = {
  ...thingHandlers,
  ...groupHandlers,
  ...dynamicGroupHandlers,
  ...thingTypeHandlers,
  ...fleetIndexHandlers,
  ...authorityHandlers,
  ...certificateHandlers,
  ...policyHandlers,
  ...policyVersionHandlers,
  ...endpointHandlers,
  ...jobHandlers,
  ...roleAliasHandlers,
  ...iotTagHandlers,
  ...provisioningHandlers,
};

/** The part of AWS IoT Core that Greengrass needs, signed. */
export function iotService(): ServiceRoutes {
  return restJsonService(iot, restJsonRoutes(iot, handlers, { access: 'signed' }));
}
