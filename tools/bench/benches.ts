import { artifact } from './artifact.ts';
import { deviceBench } from './device.ts';
import type { Figure } from './figure.ts';
import { fleet } from './fleet.ts';
import { storms } from './fleet-storms.ts';
import { mqttBench } from './mqtt.ts';
import { oneDevice } from './one-device.ts';
import { dataPlaneCalls } from './rollout/data-plane-calls.ts';
import { inProcess } from './rollout/in-process.ts';
import { operatorCalls } from './rollout/operator-calls.ts';
import { overMqtt } from './rollout/over-mqtt.ts';

/** Every bench by the name it is run with; the first part of a name runs all that begin with it. */
export const benches: ReadonlyMap<string, () => Promise<Figure[]>> = new Map([
  ['one-device', oneDevice],
  ['artifact', artifact],
  ['device', deviceBench],
  ['fleet', async () => [...(await fleet()), ...(await storms())]],
  ['mqtt', mqttBench],
  ['rollout-in-process', inProcess],
  ['rollout-calls', () => operatorCalls(100_000)],
  ['rollout-data-plane', dataPlaneCalls],
  ['rollout-mqtt', () => overMqtt(10_000, 0)],
  // Fewer devices: they only have to show that a slow disk delays and stops nothing.
  ['rollout-slow-disk', () => overMqtt(1000, 20)],
]);
