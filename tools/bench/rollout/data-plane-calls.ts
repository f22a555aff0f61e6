import { Agent, request } from 'node:https';
import { eachOf, percentile } from '../../../tests/protocol/bare-client.ts';
import { startProtocolCloud } from '../../../tests/protocol/protocol-cloud.ts';
import type { Figure } from '../figure.ts';

const thing = 'data-plane-core';
const component = 'com.example.Bench';
const callers = 20;
const calls = 2000;

/** What a device asks over HTTPS in a deployment, apart from MQTT: its groups, and the recipes of its components. */
export async function dataPlaneCalls(): Promise<Figure[]> {
  const cloud = await startProtocolCloud();
  const identity = await cloud.core(thing, ['data-plane']);
  await cloud.publish({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: component,
    ComponentVersion: '1.0.0',
    Manifests: [{ Lifecycle: { Run: 'true' } }],
  });
  const { devicePort } = cloud.cloud;
  const { ca, key, cert } = identity;
  const agent = new Agent({ keepAlive: true, maxSockets: callers, ca, key, cert, servername: 'localhost' });
  const call = (method: string, path: string, body?: object) =>
    new Promise<number>((resolve, reject) => {
      const start = performance.now();
      const sent = request({
        host: '127.0.0.1',
        port: devicePort,
        method,
        path,
        agent,
        headers: { 'content-type': 'application/json' },
      });
      sent.once('error', reject);
      sent.once('response', (response) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) resolve(performance.now() - start);
          else reject(new Error(`${path}: ${response.statusCode}`));
        });
      });
      sent.end(body === undefined ? '' : JSON.stringify(body));
    });
  const groups = () => call('GET', `/greengrass/v2/coreDevices/${thing}/thingGroups`);
  const resolution = {
    platform: { name: 'linux', attributes: { os: 'linux', architecture: 'amd64' } },
    componentCandidates: [{ componentName: component, versionRequirements: { requirements: '1.0.0' } }],
  };
  const resolve = () => call('POST', '/greengrass/v2/resolveComponentCandidates', resolution);
  try {
    return [
      await measured('data plane: ListThingGroupsForCoreDevice', groups),
      await measured('data plane: ResolveComponentCandidates', resolve),
    ];
  } finally {
    agent.destroy();
    await cloud.stop();
  }
}

async function measured(name: string, call: () => Promise<number>): Promise<Figure> {
  await eachOf(callers, callers, call);
  const start = performance.now();
  const samples = await eachOf(calls, callers, call);
  const perSecond = calls / ((performance.now() - start) / 1000);
  return {
    name,
    unit: 'calls/s',
    samples: [perSecond],
    comparedWith: `${callers} connections; each answered in ${percentile(samples, 0.5).toFixed(1)} ms, p99 ${percentile(samples, 0.99).toFixed(1)}`,
  };
}
