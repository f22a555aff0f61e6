import { greengrassv2Constraints } from './constraints.ts';
import { type Operations, table } from './generated/greengrassv2.ts';
import { defineService, type Service } from './service.ts';

export type * from './generated/greengrassv2.ts';

/** AWS IoT Greengrass V2: the operations served, their errors, and the names of all. */
export const greengrassv2: Service<Operations> = defineService<Operations>(table, greengrassv2Constraints);
