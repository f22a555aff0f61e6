import { iotConstraints } from './constraints.ts';
import { type Operations, table } from './generated/iot.ts';
import { defineService, type Service } from './service.ts';

export type * from './generated/iot.ts';

/** The part of AWS IoT Core (registry, certificates, policies, jobs) that Greengrass needs. */
export const iot: Service<Operations> = defineService<Operations>(table, iotConstraints);
