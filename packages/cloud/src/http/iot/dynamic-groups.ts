import { thingGroupArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import { queryVersion, thingIndex } from '../../domain/fleet-index/indexing-configuration.ts';
import { scopeOf } from '../arns.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type DynamicGroupHandlers = Pick<
  Handlers<typeof iot.operations>,
  'CreateDynamicThingGroup' | 'UpdateDynamicThingGroup' | 'DeleteDynamicThingGroup'
>;

export const dynamicGroupHandlers: DynamicGroupHandlers = {
  async CreateDynamicThingGroup(input, { app, account }) {
    const { thingGroupDescription, attributePayload } = input.thingGroupProperties ?? {};
    const group = await app.dynamicGroups.create({
      name: input.thingGroupName,
      query: input.queryString,
      index: { name: input.indexName, version: input.queryVersion },
      ...(thingGroupDescription === undefined ? {} : { description: thingGroupDescription }),
      ...(attributePayload?.attributes === undefined ? {} : { attributes: attributePayload.attributes }),
      ...(input.tags === undefined ? {} : { tags: tagMap(input.tags) }),
    });
    return {
      thingGroupName: group.name,
      thingGroupArn: thingGroupArn(scopeOf(account), group.name),
      thingGroupId: group.id,
      indexName: thingIndex,
      queryString: input.queryString,
      queryVersion,
    };
  },

  async UpdateDynamicThingGroup(input, { app }) {
    const { thingGroupDescription, attributePayload } = input.thingGroupProperties;
    const version = await app.dynamicGroups.update({
      name: input.thingGroupName,
      index: { name: input.indexName, version: input.queryVersion },
      ...(input.queryString === undefined ? {} : { query: input.queryString }),
      ...(thingGroupDescription === undefined ? {} : { description: thingGroupDescription }),
      ...(attributePayload?.attributes === undefined ? {} : { attributes: attributePayload.attributes }),
      ...(attributePayload?.merge === undefined ? {} : { merge: attributePayload.merge }),
      ...(input.expectedVersion === undefined ? {} : { expectedVersion: input.expectedVersion }),
    });
    return { version };
  },

  async DeleteDynamicThingGroup({ thingGroupName, expectedVersion }, { app }) {
    await app.dynamicGroups.delete(thingGroupName, expectedVersion);
    return {};
  },
};
