import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  deploymentShadow,
  type Identity,
  namespace,
  type ProtocolCloud,
  startProtocolCloud,
} from './protocol-cloud.ts';
import { Connection } from './scripted-nucleus.ts';

// Shared subscriptions against the wrong identity: a share name in front of a filter opens nothing that the filter does not.

let cloud: ProtocolCloud;
let core: Connection;
const strangers = new Map<string, Identity>();

beforeAll(async () => {
  cloud = await startProtocolCloud();
  core = await Connection.open(cloud.cloud.mqttPort, await cloud.core('core'), { protocolVersion: 5 });
  strangers.set('another thing', await cloud.core('other'));
  strangers.set('a thing whose name begins alike', await cloud.core('core2'));
  strangers.set('a certificate of no thing', { thing: 'nobody', ...(await cloud.certificate()) });
});
afterAll(async () => {
  await core.disconnect();
  await cloud.stop();
});

const own = [
  'jobs/notify',
  `jobs/notify-next-${namespace}`,
  'jobs/get/accepted',
  `jobs/$next/${namespace}/get/accepted`,
  'jobs/job-1/update/rejected',
  'shadow/get/accepted',
  'shadow/update/delta',
  'shadow/update/documents',
  `shadow/name/${deploymentShadow}/update/delta`,
  'shadow/name/+/update/#',
  'jobs/#',
  '#',
].map((rest) => `$aws/things/core/${rest}`);
const wild = ['$aws/#', '$aws/things/#', '$aws/things/+/jobs/#', '$aws/+/core/shadow/update', '$aws/things/core-gci/#'];
const filters = [...own, ...wild].flatMap((filter) => [`$share/g/${filter}`, `$share/core/${filter}`]);

describe.each([4, 5] as const)('over MQTT of protocol level %i', (protocolVersion) => {
  test.each(['another thing', 'a thing whose name begins alike', 'a certificate of no thing'])(
    '%s is refused every shared filter for what is reserved for a thing, and learns nothing by one that is open',
    async (who) => {
      const identity = strangers.get(who);
      if (identity === undefined) throw new Error(`nobody is ${who}`);
      const stranger = await Connection.open(cloud.cloud.mqttPort, identity, { protocolVersion });
      for (const filter of filters) expect([filter, await stranger.subscribe(filter)]).toEqual([filter, 0x80]);
      for (const filter of ['#', '+/things/core/#', '+/+/+/+/+']) {
        expect([filter, await stranger.subscribe(`$share/g/${filter}`)]).toEqual([filter, 1]);
      }
      await core.publish('$aws/things/core/shadow/update', { state: { reported: { secret: 1 } } });
      // Anything that was to arrive by now has arrived before this.
      await core.publish('open/topic', {});
      await stranger.next('open/topic');
      expect(stranger.received.map(({ topic }) => topic).filter((topic) => topic.startsWith('$'))).toEqual([]);
      await stranger.disconnect();
    },
  );
});

test('the thing itself may share its own', async () => {
  for (const filter of own) expect([filter, await core.subscribe(`$share/g/${filter}`)]).toEqual([filter, 1]);
});
