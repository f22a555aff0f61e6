import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CreateDeploymentCommand, ListCoreDevicesCommand } from '@aws-sdk/client-greengrassv2';
import { openInProcessCloud } from '@greensward/cloud/in-process';
import { silentLog } from '@greensward/kit';
import { systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import { flawless } from '@greensward/simulator/behaviour';
import type { FleetDevice } from '@greensward/simulator/fleet';
import { type FleetProcess, type FleetState, startFleetProcess } from '@greensward/testkit/fleet';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { percentile } from '../../../tests/protocol/bare-client.ts';
import type { Figure } from '../figure.ts';
import { residentMegabytes } from '../memory.ts';
import { type MeasuredCloud, startMeasuredCloud } from './measured-cloud.ts';
import { seedCertificates, seedThings, thingName } from './seed.ts';

const processes = 2;
const group = 'fleet';
const targetArn = `arn:aws:iot:us-east-1:000000000000:thinggroup/${group}`;
const rolloutLimitMs = 120_000;
const connectsAtOnce = 25;

/** A whole rollout to devices that are connected over TLS, played by processes of their own, as a nucleus does over MQTT. */
export async function overMqtt(devices: number, commitDelayMs: number): Promise<Figure[]> {
  const folder = temporaryFolder();
  const data = join(folder.path, 'cloud');
  mkdirSync(data);
  const fleet = await register(data, devices);
  const cloud = await startMeasuredCloud(data, commitDelayMs);
  const simulators: FleetProcess[] = [];
  try {
    const what = `rollout over MQTT and TLS, ${devices} devices${commitDelayMs > 0 ? `, each commit ${commitDelayMs} ms later` : ''}`;
    const before = residentMegabytes(cloud.pid);
    const connectStart = performance.now();
    simulators.push(...(await connect(folder.path, cloud, fleet)));
    const connectSeconds = (performance.now() - connectStart) / 1000;
    await until('all devices are connected', async () => connectedOf(await states(simulators)) === devices, 60_000);
    const idle = residentMegabytes(cloud.pid);
    const figures = await rollOut(what, cloud, simulators, devices);
    const after = residentMegabytes(cloud.pid);
    return [
      {
        name: `connecting ${devices} devices: TLS, CONNECT, 6 filters, questions, fleet status`,
        unit: 'devices/s',
        samples: [devices / connectSeconds],
        comparedWith: `${processes} processes of devices and the cloud on one machine`,
      },
      ...figures,
      {
        name: `${what}: memory of the cloud a device`,
        unit: 'kB',
        samples: [((after - before) * 1000) / devices],
        comparedWith: `expected: under 100; ${before.toFixed(0)} MB before, ${idle.toFixed(0)} connected, ${after.toFixed(0)} after`,
      },
    ];
  } finally {
    await Promise.all(simulators.map((simulator) => simulator.stop()));
    await cloud.stop();
    folder.remove();
  }
}

async function register(data: string, devices: number): Promise<readonly FleetDevice[]> {
  const cloud = await openInProcessCloud({
    folder: data,
    clock: systemClock,
    timers: systemTimers,
    ids: systemIds,
    log: silentLog,
    publish: () => {},
  });
  await seedThings(cloud.storage, group, devices);
  const names = Array.from({ length: devices }, (_, index) => thingName(index));
  const fleet = await seedCertificates(cloud.storage, names);
  await cloud.close();
  return fleet;
}

function connect(folder: string, cloud: MeasuredCloud, fleet: readonly FleetDevice[]): Promise<FleetProcess[]> {
  const share = Math.ceil(fleet.length / processes);
  return Promise.all(
    Array.from({ length: processes }, (_, index) =>
      startFleetProcess(folder, {
        host: '127.0.0.1',
        mqttPort: cloud.mqttPort,
        servername: 'localhost',
        ca: cloud.ca,
        devices: fleet.slice(index * share, (index + 1) * share),
        behaviour: flawless,
        seed: 1 + index * share,
        atOnce: connectsAtOnce,
        keepAliveSeconds: 60,
      }),
    ),
  );
}

const states = (simulators: readonly FleetProcess[]) => Promise.all(simulators.map((each) => each.state()));
const connectedOf = (of: readonly FleetState[]) => of.reduce((sum, { report }) => sum + report.connected, 0);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

async function rollOut(
  what: string,
  cloud: MeasuredCloud,
  simulators: readonly FleetProcess[],
  devices: number,
): Promise<Figure[]> {
  for (const simulator of simulators) await simulator.clear();
  const cpuBefore = (await states(simulators)).map(({ cpuSeconds }) => cpuSeconds);
  const costBefore = await cloud.cost();
  const apiCalls: number[] = [];
  const createdAt = Date.now();
  await cloud.greengrass.send(new CreateDeploymentCommand({ targetArn }));
  const ended = await until(
    'all devices have succeeded',
    async () => {
      const before = performance.now();
      await cloud.greengrass.send(new ListCoreDevicesCommand({ maxResults: 1 }));
      apiCalls.push(performance.now() - before);
      const now = await states(simulators);
      return sum(now.map(({ report }) => report.ended.SUCCEEDED)) === devices && now;
    },
    rolloutLimitMs,
  );
  const seconds = (Math.max(...ended.map(({ report }) => report.lastEndedAt)) - createdAt) / 1000;
  const cost = await cloud.cost();
  const notified = ended.flatMap(({ report }) => report.notifiedAt.map((at) => (at - createdAt) / 1000));
  const pings = ended.flatMap(({ report }) => report.pings);
  const share = (cpu: number) => `${((cpu / seconds) * 100).toFixed(0)} %`;
  const cloudCpu = cost.cpuSeconds - costBefore.cpuSeconds;
  const deviceCpu = ended.map(({ cpuSeconds }, index) => cpuSeconds - (cpuBefore[index] ?? 0));
  const used = `CPU: cloud ${share(cloudCpu)}, devices ${deviceCpu.map(share).join(' and ')} of one core each`;
  return [
    {
      name: what,
      unit: 's',
      samples: [seconds],
      comparedWith: `expected: under 20; ${(devices / seconds).toFixed(0)} devices/s; ${used}`,
    },
    {
      name: `${what}: created to notified, p99`,
      unit: 's',
      samples: [percentile(notified, 0.99)],
      comparedWith: `expected: under 5; median ${percentile(notified, 0.5).toFixed(2)} of ${notified.length}`,
    },
    {
      name: `${what}: event loop delay of the cloud, p99`,
      unit: 'ms',
      samples: [cost.loopDelayP99Ms],
      comparedWith: `at most ${cost.loopDelayMaxMs.toFixed(0)} ms`,
    },
    {
      name: `${what}: keep-alives meanwhile, p99`,
      unit: 'ms',
      samples: [percentile(pings, 0.99)],
      comparedWith: `median ${percentile(pings, 0.5).toFixed(0)} ms of ${pings.length}; ${sum(ended.map(({ report }) => report.disconnects))} connections broke`,
    },
    {
      name: `${what}: ListCoreDevices meanwhile, p99`,
      unit: 'ms',
      samples: [percentile(apiCalls, 0.99)],
      comparedWith: `median ${percentile(apiCalls, 0.5).toFixed(0)} ms of ${apiCalls.length}`,
    },
  ];
}
