import { createHash } from 'node:crypto';
import type { Account } from '../../app/context.ts';
import { assumedRoleArn } from '../arns.ts';
import type { Call, Caller, Route, ServiceRoutes } from '../exchange.ts';
import { queryAnswer, queryErrors, queryForm, unknownAction } from '../wire/query.ts';

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/';
const errors = queryErrors(namespace);

interface Identity {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
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
  async handle(_action: string, { account, caller }: Call) {
    return { account: account.accountId, ...identityOf(account, caller) };
  },
  serialize: ({ account, arn, userId }) =>
    queryAnswer(namespace, 'GetCallerIdentity', [
      ['Arn', arn],
      ['UserId', userId],
      ['Account', account],
    ]),
};

function identityOf(account: Account, caller: Caller): Omit<Identity, 'account'> {
  if (caller.kind !== 'session') {
    return { arn: `arn:${account.partition}:iam::${account.accountId}:root`, userId: account.accountId };
  }
  const { roleArn, certificateId } = caller.session;
  // IAM: the unique id of a role is AROA and 17 characters; here they follow from its ARN.
  const roleId = `AROA${createHash('sha256').update(roleArn).digest('hex').toUpperCase().slice(0, 17)}`;
  return { arn: assumedRoleArn(account, caller.session), userId: `${roleId}:${certificateId}` };
}

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
