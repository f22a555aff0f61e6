import { iotDataConstraints } from './constraints.ts';
import { type Operations, table } from './generated/iot-data.ts';
import { defineService, type Service } from './service.ts';

export type * from './generated/iot-data.ts';

/** The AWS IoT data plane: shadows over HTTP. */
export const iotData: Service<Operations> = defineService<Operations>(table, iotDataConstraints);
