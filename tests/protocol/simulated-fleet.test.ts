import { GetDeploymentCommand, ListEffectiveDeploymentsCommand } from '@aws-sdk/client-greengrassv2';
import { DescribeJobCommand } from '@aws-sdk/client-iot';
import { type Behaviour, flawless } from '@greensward/simulator/behaviour';
import type { FleetDevice } from '@greensward/simulator/fleet';
import { type FleetProcess, startFleetProcess } from '@greensward/testkit/fleet';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { eachOf } from './bare-client.ts';
import { type Identity, type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';

// The fleet simulator against a real cloud: 20 devices in a process of their own, over MQTT and TLS.

const devices = 20;
const folder = temporaryFolder();
let cloud: ProtocolCloud;
let made = 0;
const fleets: FleetProcess[] = [];

beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop()));
});
afterAll(async () => {
  await cloud.stop();
  folder.remove();
});

async function fleetOf(behaviour: Partial<Behaviour>) {
  const name = `fleet-${++made}`;
  const targetArn = await cloud.group(name);
  const identities = await eachOf(devices, 4, (index) => cloud.core(`${name}-${index}`, [name]));
  const settings = {
    host: '127.0.0.1',
    mqttPort: cloud.cloud.mqttPort,
    servername: 'localhost',
    ca: identities[0]?.ca ?? '',
    devices: identities.map(({ thing, cert, key }: Identity): FleetDevice => ({ thing, cert, key })),
    behaviour: { ...flawless, ...behaviour },
    seed: made,
    atOnce: 5,
    keepAliveSeconds: 4,
  };
  const fleet = await startFleetProcess(folder.path, settings);
  fleets.push(fleet);
  return { name, targetArn, fleet };
}

async function countsOf(jobId: string) {
  const { job } = await cloud.iot.send(new DescribeJobCommand({ jobId }));
  const { numberOfSucceededThings, numberOfFailedThings, numberOfQueuedThings, numberOfInProgressThings } =
    job?.jobProcessDetails ?? {};
  return {
    succeeded: numberOfSucceededThings,
    failed: numberOfFailedThings,
    live: (numberOfQueuedThings ?? 0) + (numberOfInProgressThings ?? 0),
  };
}

test('devices fail, are slow and go away as they were drawn to, and the cloud counts what they say', async () => {
  const { name, targetArn, fleet } = await fleetOf({
    failureRate: 0.3,
    latencyMs: { min: 10, max: 200 },
    offlineRate: 0.3,
    offlineMs: { min: 100, max: 500 },
  });
  expect((await fleet.state()).report).toMatchObject({ connected: devices, connectsRefused: 0 });
  const { jobId } = await cloud.deploy({ targetArn });
  const { ended, notifiedAt, rejected, lastRejection } = await until('all devices ended', async () => {
    const { report } = await fleet.state();
    return report.ended.SUCCEEDED + report.ended.FAILED === devices && report;
  });
  expect({ rejected, lastRejection }).toEqual({ rejected: 0, lastRejection: '' });
  expect(notifiedAt).toHaveLength(devices);
  expect(ended.FAILED).toBeGreaterThan(0);
  expect(ended.SUCCEEDED).toBeGreaterThan(0);
  expect(await countsOf(jobId)).toEqual({ succeeded: ended.SUCCEEDED, failed: ended.FAILED, live: 0 });
  await until('all are back, and their keep-alives were answered', async () => {
    const { report } = await fleet.state();
    return report.connected === devices && report.pings.length >= devices;
  });
  const { effectiveDeployments = [] } = await cloud.greengrass.send(
    new ListEffectiveDeploymentsCommand({ coreDeviceThingName: `${name}-0` }),
  );
  expect(effectiveDeployments).toHaveLength(1);
});

test('devices that fail abort the rollout, and silent ones are left in progress', async () => {
  const { targetArn, fleet } = await fleetOf({ failureRate: 0.5, silentRate: 0.3, latencyMs: { min: 50, max: 300 } });
  const { deploymentId, jobId } = await cloud.deploy({
    targetArn,
    iotJobConfiguration: {
      abortConfig: {
        criteriaList: [
          { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 10, minNumberOfExecutedThings: 3 },
        ],
      },
    },
  });
  await until('the deployment failed', async () => {
    const { deploymentStatus } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
    return deploymentStatus === 'FAILED';
  });
  const { ended } = await until('all that answer have', async () => {
    const { report } = await fleet.state();
    return Object.values(report.ended).reduce((sum, count) => sum + count, 0) === devices && report;
  });
  const counts = await countsOf(jobId);
  expect(counts.failed).toBe(ended.FAILED);
  expect(counts.live).toBe(ended.SILENT);
  expect(ended.SILENT).toBeGreaterThan(0);
});
