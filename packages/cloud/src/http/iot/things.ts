import { Fault } from '@greensward/kit';
import { thingArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import { scopeOf } from '../arns.ts';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type ThingHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'CreateThing'
  | 'DescribeThing'
  | 'UpdateThing'
  | 'DeleteThing'
  | 'ListThings'
  | 'ListThingPrincipals'
  | 'ListPrincipalThings'
  | 'AttachThingPrincipal'
  | 'DetachThingPrincipal'
>;

export const thingHandlers: ThingHandlers = {
  async CreateThing({ thingName, thingTypeName, attributePayload, billingGroupName }, { app, account }) {
    if (billingGroupName !== undefined) throw unsupported('billingGroupName: billing groups are not supported');
    const thing = await app.things.create({
      name: thingName,
      ...(attributePayload?.attributes === undefined ? {} : { attributes: attributePayload.attributes }),
      ...(thingTypeName === undefined ? {} : { typeName: thingTypeName }),
    });
    return { thingName: thing.name, thingArn: thingArn(scopeOf(account), thing.name), thingId: thing.id };
  },

  async DescribeThing({ thingName }, { app, account }) {
    const thing = await app.things.describe(thingName);
    return {
      defaultClientId: thing.name,
      thingName: thing.name,
      thingId: thing.id,
      thingArn: thingArn(scopeOf(account), thing.name),
      thingTypeName: thing.typeName,
      attributes: thing.attributes,
      version: thing.version,
    };
  },

  async UpdateThing({ thingName, thingTypeName, attributePayload, expectedVersion, removeThingType }, { app }) {
    await app.things.update({
      name: thingName,
      ...(attributePayload?.attributes === undefined ? {} : { attributes: attributePayload.attributes }),
      ...(attributePayload?.merge === undefined ? {} : { merge: attributePayload.merge }),
      ...(thingTypeName === undefined ? {} : { typeName: thingTypeName }),
      ...(removeThingType === undefined ? {} : { removeType: removeThingType }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    });
    return {};
  },

  async DeleteThing({ thingName, expectedVersion }, { app }) {
    await app.things.delete(thingName, expectedVersion);
    return {};
  },

  async ListThings(input, { app, account }) {
    const { attributeName, attributeValue, thingTypeName, usePrefixAttributeValue } = input;
    if (usePrefixAttributeValue === true) throw unsupported('usePrefixAttributeValue: only whole values are compared');
    if ((attributeName === undefined) !== (attributeValue === undefined)) {
      throw unsupported('attributeName and attributeValue go together');
    }
    const pages = pager('ListThings', { attributeName, attributeValue, thingTypeName });
    const page = await app.things.list(pages.request(input.nextToken, input.maxResults ?? 25), {
      ...(attributeName === undefined || attributeValue === undefined
        ? {}
        : { attribute: { name: attributeName, value: attributeValue } }),
      ...(thingTypeName === undefined ? {} : { typeName: thingTypeName }),
    });
    const things = page.items.map((thing) => ({
      thingName: thing.name,
      thingTypeName: thing.typeName,
      thingArn: thingArn(scopeOf(account), thing.name),
      attributes: thing.attributes,
      version: thing.version,
    }));
    return { things, nextToken: pages.token(page.next) };
  },

  async ListThingPrincipals({ thingName, nextToken, maxResults }, { app }) {
    const pages = pager('ListThingPrincipals', { thingName });
    const request = pages.request(nextToken, maxResults ?? 25);
    const page = pageOf(await app.things.principals(thingName), request, (principal) => principal);
    return { principals: page.items, nextToken: pages.token(page.next) };
  },

  async ListPrincipalThings({ principal, nextToken, maxResults }, { app }) {
    const pages = pager('ListPrincipalThings', { principal });
    const request = pages.request(nextToken, maxResults ?? 25);
    const page = pageOf(await app.things.ofPrincipal(principal), request, (name) => name);
    return { things: page.items, nextToken: pages.token(page.next) };
  },

  async AttachThingPrincipal({ thingName, principal, thingPrincipalType }, { app }) {
    if (thingPrincipalType === 'EXCLUSIVE_THING') {
      throw unsupported('thingPrincipalType: exclusive attachments are not supported');
    }
    await app.things.attachPrincipal(thingName, principal);
    return {};
  },

  async DetachThingPrincipal({ thingName, principal }, { app }) {
    await app.things.detachPrincipal(thingName, principal);
    return {};
  },
};

function unsupported(message: string): Fault {
  return new Fault('InvalidRequestException', message);
}
