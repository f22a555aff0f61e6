import type { Call, Route, ServiceRoutes } from '../exchange.ts';
import { queryAnswer, queryErrors, queryForm, unknownAction } from '../wire/query.ts';

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/';
const errors = queryErrors(namespace);

interface Identity {
  readonly account: string;
  readonly arn: string;
}

const getCallerIdentity: Route<string, Identity> = {
  service: 'sts',
  operation: 'GetCallerIdentity',
  errors,
  access: 'signed',
  body: 'whole',
  maxBytes: 64 * 1024,
  parse({ arrival, body }) {
    // The Query protocol names the action in the form; a GET in the query.
    const action = (arrival.method === 'POST' ? queryForm(body) : new URLSearchParams(arrival.query)).get('Action');
    if (action !== 'GetCallerIdentity') throw unknownAction('sts', action);
    return action;
  },
  async handle(_action: string, { account }: Call) {
    return { account: account.accountId, arn: `arn:${account.partition}:iam::${account.accountId}:root` };
  },
  serialize: ({ account, arn }) =>
    queryAnswer(namespace, 'GetCallerIdentity', [
      ['Arn', arn],
      ['UserId', account],
      ['Account', account],
    ]),
};

/** What tools ask to learn the account: GetCallerIdentity. */
export function stsService(): ServiceRoutes {
  return {
    errors,
    route({ method, path }) {
      if ((method === 'POST' || method === 'GET') && path === '/') return getCallerIdentity;
      throw unknownAction('sts', `${method} ${path}`);
    },
  };
}
