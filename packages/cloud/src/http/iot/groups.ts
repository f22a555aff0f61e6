import { Fault } from '@greensward/kit';
import { thingGroupArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import { queryVersion, thingIndex } from '../../domain/fleet-index/indexing-configuration.ts';
import { nameOrArn, scopeOf } from '../arns.ts';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type GroupHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'CreateThingGroup'
  | 'DescribeThingGroup'
  | 'DeleteThingGroup'
  | 'ListThingGroups'
  | 'AddThingToThingGroup'
  | 'RemoveThingFromThingGroup'
  | 'ListThingsInThingGroup'
  | 'ListThingGroupsForThing'
  | 'UpdateThingGroup'
  | 'UpdateThingGroupsForThing'
>;

const thingMembers = { name: 'thingName', arn: 'thingArn' };
const groupMembers = { name: 'thingGroupName', arn: 'thingGroupArn' };

export const groupHandlers: GroupHandlers = {
  async CreateThingGroup({ thingGroupName, parentGroupName, thingGroupProperties, tags }, { app, account }) {
    const { thingGroupDescription, attributePayload } = thingGroupProperties ?? {};
    const group = await app.groups.create({
      name: thingGroupName,
      ...(parentGroupName === undefined ? {} : { parent: parentGroupName }),
      ...(thingGroupDescription === undefined ? {} : { description: thingGroupDescription }),
      ...(attributePayload?.attributes === undefined ? {} : { attributes: attributePayload.attributes }),
      ...(tags === undefined ? {} : { tags: tagMap(tags) }),
    });
    return {
      thingGroupName: group.name,
      thingGroupArn: thingGroupArn(scopeOf(account), group.name),
      thingGroupId: group.id,
    };
  },

  async DescribeThingGroup({ thingGroupName }, { app, account }) {
    const { group, ancestors } = await app.groups.describe(thingGroupName);
    const hasAttributes = Object.keys(group.attributes).length > 0;
    return {
      thingGroupName: group.name,
      thingGroupId: group.id,
      thingGroupArn: thingGroupArn(scopeOf(account), group.name),
      version: group.version,
      thingGroupProperties: {
        thingGroupDescription: group.description,
        attributePayload: hasAttributes ? { attributes: group.attributes } : undefined,
      },
      thingGroupMetadata: {
        parentGroupName: group.parent,
        rootToParentThingGroups:
          ancestors.length === 0 ? undefined : ancestors.map((name) => namedGroup(name, account)),
        creationDate: group.createdAt,
      },
      ...(group.dynamic === undefined
        ? {}
        : {
            indexName: thingIndex,
            queryString: group.dynamic.query,
            queryVersion,
            status: group.dynamic.building ? 'BUILDING' : 'ACTIVE',
          }),
    };
  },

  async UpdateThingGroup({ thingGroupName, thingGroupProperties, expectedVersion }, { app }) {
    const { thingGroupDescription, attributePayload } = thingGroupProperties;
    const version = await app.groups.update({
      name: thingGroupName,
      ...(thingGroupDescription === undefined ? {} : { description: thingGroupDescription }),
      ...(attributePayload?.attributes === undefined ? {} : { attributes: attributePayload.attributes }),
      ...(attributePayload?.merge === undefined ? {} : { merge: attributePayload.merge }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    });
    return { version };
  },

  async UpdateThingGroupsForThing({ thingName, thingGroupsToAdd = [], thingGroupsToRemove = [] }, { app }) {
    if (thingName === undefined) throw new Fault('InvalidRequestException', 'thingName is required');
    await app.groups.moveThing(thingName, { add: thingGroupsToAdd, remove: thingGroupsToRemove });
    return {};
  },

  async DeleteThingGroup({ thingGroupName, expectedVersion }, { app }) {
    await app.groups.delete(thingGroupName, expectedVersion);
    return {};
  },

  async ListThingGroups({ parentGroup, namePrefixFilter, recursive, nextToken, maxResults }, { app, account }) {
    const pages = pager('ListThingGroups', { parentGroup, namePrefixFilter, recursive });
    const page = await app.groups.list(pages.request(nextToken, maxResults ?? 25), {
      ...(parentGroup === undefined ? {} : { parent: parentGroup }),
      ...(namePrefixFilter === undefined ? {} : { prefix: namePrefixFilter }),
      // IoT: without a parent every group is listed unless the caller says recursive=false.
      recursive: recursive ?? parentGroup === undefined,
    });
    return {
      thingGroups: page.items.map(({ name }) => namedGroup(name, account)),
      nextToken: pages.token(page.next),
    };
  },

  async AddThingToThingGroup({ thingGroupName, thingGroupArn: groupArn, thingName, thingArn }, { app }) {
    const group = nameOrArn('thinggroup', groupMembers, thingGroupName, groupArn);
    await app.groups.addThing(group, nameOrArn('thing', thingMembers, thingName, thingArn));
    return {};
  },

  async RemoveThingFromThingGroup({ thingGroupName, thingGroupArn: groupArn, thingName, thingArn }, { app }) {
    const group = nameOrArn('thinggroup', groupMembers, thingGroupName, groupArn);
    await app.groups.removeThing(group, nameOrArn('thing', thingMembers, thingName, thingArn));
    return {};
  },

  async ListThingsInThingGroup({ thingGroupName, recursive = false, nextToken, maxResults }, { app }) {
    const pages = pager('ListThingsInThingGroup', { thingGroupName, recursive });
    const page = await app.groups.things(thingGroupName, recursive, pages.request(nextToken, maxResults ?? 25));
    return { things: page.items, nextToken: pages.token(page.next) };
  },

  async ListThingGroupsForThing({ thingName, nextToken, maxResults }, { app, account }) {
    const pages = pager('ListThingGroupsForThing', { thingName });
    const request = pages.request(nextToken, maxResults ?? 25);
    const page = pageOf(await app.groups.ofThing(thingName), request, (name) => name);
    return { thingGroups: page.items.map((name) => namedGroup(name, account)), nextToken: pages.token(page.next) };
  },
};

function namedGroup(name: string, account: Account) {
  return { groupName: name, groupArn: thingGroupArn(scopeOf(account), name) };
}
