import type { Chance } from '@greensward/kit';

/** How the devices of a fleet take a deployment. Shares are from 0 to 1, times in ms. */
export interface Behaviour {
  /** Of the devices that end FAILED, REJECTED, or never report an end. Together at most 1. */
  readonly failureRate: number;
  readonly rejectionRate: number;
  readonly silentRate: number;
  /** From IN_PROGRESS to the end: each device takes some time of this range, all times alike likely. */
  readonly latencyMs: Range;
  /** Of the devices that are away when they are told, and for how long such a device stays away. */
  readonly offlineRate: number;
  readonly offlineMs: Range;
}

/** Both ends belong to it. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What one device is going to do. */
export interface Fate {
  readonly end: 'SUCCEEDED' | 'FAILED' | 'REJECTED' | 'SILENT';
  readonly latencyMs: number;
  /** 0 for a device that is there. */
  readonly awayMs: number;
}

/** Devices that are there, take a moment, and succeed. */
export const flawless: Behaviour = {
  failureRate: 0,
  rejectionRate: 0,
  silentRate: 0,
  latencyMs: { min: 0, max: 0 },
  offlineRate: 0,
  offlineMs: { min: 0, max: 0 },
};

/**
 * The fate of the next device. It takes the same number of draws whatever comes out, so that a seed gives the same fleet to
 * every policy, and a change of one rate leaves what the others decide alone.
 */
export function drawFate(behaviour: Behaviour, chance: Chance): Fate {
  const ends = chance.next();
  const latencyMs = within(behaviour.latencyMs, chance.next());
  const away = chance.next() < behaviour.offlineRate;
  const awayMs = within(behaviour.offlineMs, chance.next());
  return { end: endOf(behaviour, ends), latencyMs, awayMs: away ? awayMs : 0 };
}

function endOf({ failureRate, rejectionRate, silentRate }: Behaviour, draw: number): Fate['end'] {
  if (draw < failureRate) return 'FAILED';
  if (draw < failureRate + rejectionRate) return 'REJECTED';
  return draw < failureRate + rejectionRate + silentRate ? 'SILENT' : 'SUCCEEDED';
}

function within({ min, max }: Range, draw: number): number {
  return Math.round(min + (max - min) * draw);
}
