import { type Operations, table } from './generated/sts.ts';
import { defineService, type Service } from './service.ts';

export type * from './generated/sts.ts';

/** AWS STS: types and names only. Its wire is the Query protocol, which the walker does not speak. */
export const sts: Service<Operations> = defineService<Operations>(table, {});
