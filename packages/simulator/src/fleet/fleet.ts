import { createSecureContext } from 'node:tls';
import type { Clock, Timers } from '@greensward/kit';
import type { Behaviour } from '../behaviour/behaviour.ts';
import { SimulatedDevice } from './device.ts';
import { FleetRecord, type FleetReport } from './record.ts';

export type { FleetReport } from './record.ts';

/** A fleet to be simulated: what the main takes as the JSON of a file. It holds private keys. */
export interface FleetSettings {
  readonly host: string;
  readonly mqttPort: number;
  /** Name in the cloud's certificate. */
  readonly servername: string;
  /** PEM. */
  readonly ca: string;
  readonly devices: readonly FleetDevice[];
  readonly behaviour: Behaviour;
  readonly seed: number;
  /** How many connect at a time. */
  readonly atOnce: number;
  readonly keepAliveSeconds: number;
}

export interface FleetDevice {
  readonly thing: string;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Fleet {
  /** Resolves when every device was answered once. */
  readonly up: Promise<void>;
  report(): FleetReport;
  /** Forgets what was recorded, but for who is connected. */
  clear(): void;
  stop(): void;
}

const pingTickMs = 1000;

/** Starts a fleet. Devices come in their order, `atOnce` at a time; each that is refused or broken off comes back by itself. */
export function startFleet(settings: FleetSettings, { clock, timers }: { clock: Clock; timers: Timers }): Fleet {
  const { behaviour, seed, ca, host, servername, atOnce, keepAliveSeconds } = settings;
  const record = new FleetRecord();
  const deps = { behaviour, clock, timers, record };
  const devices: SimulatedDevice[] = [];
  let next = 0;
  let stopped = false;

  async function connectSome(): Promise<void> {
    for (let index = next++; index < settings.devices.length && !stopped; index = next++) {
      const settingsOfOne = settings.devices[index];
      if (settingsOfOne === undefined) return;
      const { thing, cert, key } = settingsOfOne;
      // Made for each connect: to keep one would cost more than the rest of a device.
      const target = () => ({
        ...{ host, port: settings.mqttPort, servername, clientId: thing, keepAliveSeconds },
        context: createSecureContext({ ca, cert, key }),
      });
      const device = new SimulatedDevice(thing, seed + index, target, deps);
      devices.push(device);
      if ((await device.connect()) !== 0) record.refused();
    }
  }

  /** Each device pings once in half its keep-alive, a share of them at a time. */
  let tick = 0;
  function pingSome(): void {
    if (stopped) return;
    const ticks = Math.max(1, Math.floor((keepAliveSeconds * 500) / pingTickMs));
    for (let index = tick % ticks; index < devices.length; index += ticks) devices[index]?.ping();
    tick++;
    timers.after(pingTickMs, pingSome);
  }
  timers.after(pingTickMs, pingSome);

  return {
    up: Promise.all(Array.from({ length: atOnce }, connectSome)).then(() => {}),
    report: () => record.report(),
    clear: () => record.clear(),
    stop() {
      stopped = true;
      for (const device of devices) device.stop();
    },
  };
}
