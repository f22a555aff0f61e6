import { join } from 'node:path';
import {
  CreateDynamicThingGroupCommand,
  CreateThingCommand,
  DescribeThingGroupCommand,
  IoTClient,
  ListThingsInThingGroupCommand,
  SearchIndexCommand,
  UpdateDynamicThingGroupCommand,
  UpdateThingCommand,
} from '@aws-sdk/client-iot';
import { startCloud } from '@greensward/testkit/cloud';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, expect, test } from 'vitest';

const folder = temporaryFolder();
const data = join(folder.path, 'cloud');
let cloud = await startCloud(data);
const iot = new IoTClient(sdkConfiguration(data));
afterAll(async () => {
  iot.destroy();
  await cloud.process.kill();
  folder.remove();
});

const things = Array.from({ length: 20 }, (_, at) => `core-${at}`);
const thingGroupName = 'odd';

test('whenever the cloud is killed, the members of a dynamic group are in the end what its query finds', async () => {
  for (const thingName of things) await iot.send(new CreateThingCommand({ thingName }));
  const make = { thingGroupName, queryString: 'attributes.n:1' };
  await iot.send(new CreateDynamicThingGroupCommand(make));
  const search = async (queryString: string) =>
    (await iot.send(new SearchIndexCommand({ queryString }))).things?.map(({ thingName }) => thingName).sort();

  for (let round = 0; round < 4; round++) {
    const queryString = `attributes.n:${round % 2}`;
    // Killed at some moment between the first acknowledged change and the last: what was acknowledged holds.
    const first = Promise.withResolvers<void>();
    const changes = things.map(async (thingName, at) => {
      const attributes = { n: `${(at + round) % 3}` };
      await iot.send(new UpdateThingCommand({ thingName, attributePayload: { attributes } }));
      first.resolve();
    });
    const properties = { thingGroupName, thingGroupProperties: {}, queryString };
    const defined = iot.send(new UpdateDynamicThingGroupCommand(properties));
    const settled = Promise.allSettled([...changes, defined]);
    await first.promise;
    await cloud.process.kill();
    await settled;
    cloud = await startCloud(data, { ports: cloud });
    await until('the group is ACTIVE and has what its query finds', async () => {
      const { status, queryString: query = '' } = await iot.send(new DescribeThingGroupCommand({ thingGroupName }));
      const members = (await iot.send(new ListThingsInThingGroupCommand({ thingGroupName }))).things?.sort();
      return status === 'ACTIVE' && JSON.stringify(members) === JSON.stringify(await search(query));
    });
    const found = await search('attributes.n:*');
    expect(found?.length).toBeGreaterThan(0);
  }
});
