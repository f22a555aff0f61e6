import type { Figure } from './figure.ts';
import { fleet } from './fleet.ts';
import { oneDevice } from './one-device.ts';

/** Every bench by the name it is run with. */
export const benches: ReadonlyMap<string, () => Promise<Figure[]>> = new Map([
  ['fleet', fleet],
  ['one-device', oneDevice],
]);
