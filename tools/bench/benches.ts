import { deviceBench } from './device.ts';
import type { Figure } from './figure.ts';
import { fleet } from './fleet.ts';
import { storms } from './fleet-storms.ts';
import { mqttBench } from './mqtt.ts';
import { oneDevice } from './one-device.ts';

/** Every bench by the name it is run with. */
export const benches: ReadonlyMap<string, () => Promise<Figure[]>> = new Map([
  ['one-device', oneDevice],
  ['device', deviceBench],
  ['fleet', async () => [...(await fleet()), ...(await storms())]],
  ['mqtt', mqttBench],
]);
