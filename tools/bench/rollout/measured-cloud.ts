import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GreengrassV2Client } from '@aws-sdk/client-greengrassv2';
import { IoTClient } from '@aws-sdk/client-iot';
import { cloudEnvironment, cloudNodeFlags } from '@greensward/cli/environment';
import { answerOf, startNode, untilReady } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import type { CloudCost } from './cloud-main.ts';

const main = new URL('./cloud-main.ts', import.meta.url).pathname;

/** A cloud in a process of its own, with the flags and the environment of `sward cloud`. */
export interface MeasuredCloud {
  readonly pid: number;
  readonly mqttPort: number;
  readonly devicePort: number;
  readonly ca: string;
  readonly greengrass: GreengrassV2Client;
  readonly iot: IoTClient;
  cost(): Promise<CloudCost>;
  stop(): Promise<void>;
}

export async function startMeasuredCloud(folder: string, commitDelayMs = 0): Promise<MeasuredCloud> {
  const args = [...cloudNodeFlags, main, folder, String(commitDelayMs)];
  const started = startNode(args, { env: { ...cloudEnvironment() } });
  const ready = await untilReady(started);
  const configuration = sdkConfiguration(folder);
  const greengrass = new GreengrassV2Client(configuration);
  const iot = new IoTClient(configuration);
  return {
    pid: started.pid,
    mqttPort: Number(ready['mqttPort']),
    devicePort: Number(ready['devicePort']),
    ca: readFileSync(join(folder, 'ca', 'ca.pem'), 'utf8'),
    greengrass,
    iot,
    cost: async () => (await answerOf<{ readonly cost: CloudCost }>(started.child, 'cost')).cost,
    async stop() {
      greengrass.destroy();
      iot.destroy();
      if (started.output() !== '') console.error(started.output().slice(-2000));
      await started.stop();
    },
  };
}
