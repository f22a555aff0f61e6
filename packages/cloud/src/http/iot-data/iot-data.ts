import { Fault, isJsonObject } from '@greensward/kit';
import { thingArn } from '@greensward/protocol/arn';
import { iotData } from '@greensward/protocol/iot-data';
import type { ShadowRequest } from '../../app/app.ts';
import type { Account } from '../../app/context.ts';
import { scopeOf } from '../arns.ts';
import type { Call, Route } from '../exchange.ts';
import { pager } from '../page-token.ts';
import { type Handlers, restJsonRoutes, textMember } from '../wire/rest-json.ts';
import { publish } from './publish.ts';

const nothing = new Uint8Array();

const handlers: Handlers<typeof iotData.operations> = {
  async GetThingShadow({ thingName, shadowName = '' }, call) {
    return ask(call, { thing: thingName, name: shadowName, action: 'get', payload: nothing });
  },

  async UpdateThingShadow({ thingName, shadowName = '', payload }, call) {
    return ask(call, { thing: thingName, name: shadowName, action: 'update', payload });
  },

  async DeleteThingShadow({ thingName, shadowName = '' }, call) {
    return ask(call, { thing: thingName, name: shadowName, action: 'delete', payload: nothing });
  },

  Publish: publish,

  async ListNamedShadowsForThing({ thingName, nextToken, pageSize }, { app, now }) {
    const pages = pager('ListNamedShadowsForThing', { thingName });
    const page = await app.shadows.names(thingName, pages.request(nextToken, pageSize ?? 25));
    return { results: page.items, nextToken: pages.token(page.next), timestamp: Math.floor(now / 1000) };
  },
};

const exceptions = new Map([
  [400, 'InvalidRequestException'],
  [401, 'UnauthorizedException'],
  [403, 'UnauthorizedException'],
  [404, 'ResourceNotFoundException'],
  [409, 'ConflictException'],
  [413, 'RequestEntityTooLargeException'],
  [415, 'UnsupportedDocumentEncodingException'],
  [429, 'ThrottlingException'],
]);

async function ask({ app }: Call, request: ShadowRequest): Promise<{ payload: Uint8Array }> {
  const [answer] = await app.shadows.handle([request]);
  if (answer === undefined) throw new Error('the shadow request was not answered');
  if (answer.ok) return { payload: Buffer.from(answer.response, 'utf8') };
  throw new Fault(exceptions.get(answer.code) ?? 'InternalFailureException', messageIn(answer.response));
}

function messageIn(response: string): string {
  const parsed: unknown = JSON.parse(response);
  return isJsonObject(parsed) && typeof parsed['message'] === 'string' ? parsed['message'] : 'The request was rejected';
}

/** The largest shadow has 8 KB; a body some times that is still told what is wrong with it. A message has up to 128 KB. */
const maxBytes = new Map([
  ['UpdateThingShadow', 128 * 1024],
  ['Publish', 128 * 1024],
]);
const things = new Map(Object.keys(handlers).map((operation) => [operation, 'thingName']));

/** IoT: a named shadow is a resource below its thing. */
function shadowArn(input: unknown, account: Account): string {
  const thing = thingArn(scopeOf(account), textMember(input, 'thingName'));
  const name = textMember(input, 'shadowName');
  return name === '' ? thing : `${thing}/${name}`;
}

const resource = new Map(
  ['GetThingShadow', 'UpdateThingShadow', 'DeleteThingShadow'].map((operation) => [operation, shadowArn]),
);

/** The shadows of a thing, for its owner or for the thing itself. */
export function iotDataRoutes(access: Route['access']): ReadonlyMap<string, Route> {
  return restJsonRoutes(iotData, handlers, { access, actionPrefix: 'iot:', maxBytes, thing: things, resource });
}
