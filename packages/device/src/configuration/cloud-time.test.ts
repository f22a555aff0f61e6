import { HandTimers } from '@greensward/testkit/hand-timers';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CloudTime, createCloudTime } from './cloud-time.ts';

const year = 365 * 86_400_000;
const cloud = Date.UTC(2026, 0, 1);

let wall: number;
let timers: HandTimers;
let time: CloudTime;

beforeEach(() => {
  wall = cloud;
  timers = new HandTimers();
  time = createCloudTime({ now: () => wall }, timers);
});

describe('the time of a write on the device', () => {
  test.each([
    ['years ahead', 10 * year],
    ['years behind', -10 * year],
  ])('is the cloud time once that is known, though the clock of the machine is %s', async (_what, off) => {
    wall = cloud + off;
    time.observe(cloud);
    await timers.pass(5000);
    expect(time.now()).toBe(cloud + 5000);
    wall -= 3 * off;
    expect(time.now()).toBe(cloud + 5000);
  });

  test('follows the last answer, back too', async () => {
    time.observe(cloud + year);
    time.observe(cloud);
    expect(time.now()).toBe(cloud);
    time.observe(Number.NaN);
    expect(time.now()).toBe(cloud);
  });

  test('is that of the machine while nothing is known, but not before a deployment that the device has', () => {
    expect(time.now()).toBe(cloud);
    wall = cloud - 20 * year;
    time.observeAtLeast(cloud);
    expect(time.now()).toBe(cloud);
    time.observe(cloud + 10);
    time.observeAtLeast(cloud + 5);
    expect(time.now()).toBe(cloud + 10);
    time.observeAtLeast(cloud + 50);
    expect(time.now()).toBe(cloud + 50);
  });
});
