import { Fault } from '@greensward/kit';
import { thingTypeArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { ThingType } from '../../domain/registry/thing-type.ts';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type ThingTypeHandlers = Pick<
  Handlers<typeof iot.operations>,
  'CreateThingType' | 'DescribeThingType' | 'ListThingTypes' | 'DeprecateThingType' | 'DeleteThingType'
>;

export const thingTypeHandlers: ThingTypeHandlers = {
  async CreateThingType({ thingTypeName, thingTypeProperties = {}, tags }, { app, account }) {
    const { thingTypeDescription, searchableAttributes, mqtt5Configuration } = thingTypeProperties;
    if (mqtt5Configuration !== undefined) {
      throw new Fault('InvalidRequestException', 'mqtt5Configuration: propagating attributes are not supported');
    }
    const type = await app.thingTypes.create({
      name: thingTypeName,
      ...(thingTypeDescription === undefined ? {} : { description: thingTypeDescription }),
      ...(searchableAttributes === undefined ? {} : { searchableAttributes }),
      ...(tags === undefined ? {} : { tags: tagMap(tags) }),
    });
    return {
      thingTypeName: type.name,
      thingTypeArn: thingTypeArn(scopeOf(account), type.name),
      thingTypeId: type.id,
    };
  },

  async DescribeThingType({ thingTypeName }, { app, account }) {
    const type = await app.thingTypes.describe(thingTypeName);
    return {
      thingTypeName: type.name,
      thingTypeId: type.id,
      thingTypeArn: thingTypeArn(scopeOf(account), type.name),
      ...viewOf(type),
    };
  },

  async ListThingTypes({ thingTypeName, nextToken, maxResults }, { app, account }) {
    const pages = pager('ListThingTypes', { thingTypeName });
    const page = await app.thingTypes.list(pages.request(nextToken, maxResults ?? 25), thingTypeName);
    const thingTypes = page.items.map((type) => ({
      thingTypeName: type.name,
      thingTypeArn: thingTypeArn(scopeOf(account), type.name),
      ...viewOf(type),
    }));
    return { thingTypes, nextToken: pages.token(page.next) };
  },

  async DeprecateThingType({ thingTypeName, undoDeprecate = false }, { app }) {
    await app.thingTypes.deprecate(thingTypeName, undoDeprecate);
    return {};
  },

  async DeleteThingType({ thingTypeName }, { app }) {
    await app.thingTypes.delete(thingTypeName);
    return {};
  },
};

function viewOf(type: ThingType) {
  return {
    thingTypeProperties: {
      thingTypeDescription: type.description,
      searchableAttributes: type.searchableAttributes,
    },
    thingTypeMetadata: {
      deprecated: type.deprecatedAt !== undefined,
      deprecationDate: type.deprecatedAt,
      creationDate: type.createdAt,
    },
  };
}
