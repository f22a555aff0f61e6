import { iotJobsDataConstraints } from './constraints.ts';
import { type Operations, table } from './generated/iot-jobs-data.ts';
import { defineService, type Service } from './service.ts';

export type * from './generated/iot-jobs-data.ts';

/** The AWS IoT jobs data plane: job executions over HTTP. Its times are whole epoch seconds, plain numbers. */
export const iotJobsData: Service<Operations> = defineService<Operations>(table, iotJobsDataConstraints);
