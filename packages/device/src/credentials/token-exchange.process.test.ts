import { request } from 'node:http';
import { createServer } from 'node:net';
import { Fault, silentLog } from '@greensward/kit';
import { systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProviderAnswer } from './credential-source.ts';
import { createTokenExchange, type TokenExchange } from './token-exchange.ts';

const good: ProviderAnswer = {
  status: 200,
  credentials: {
    accessKeyId: 'ASIA1',
    secretAccessKey: 'secret',
    sessionToken: 'token',
    expiration: new Date(systemClock.now() + 3_600_000).toISOString(),
  },
  date: undefined,
};

let answer: () => Promise<ProviderAnswer>;
let service: TokenExchange;
let timeScale: number;

beforeEach(() => {
  answer = async () => good;
  timeScale = 1;
  service = createTokenExchange({
    ask: () => answer(),
    clock: systemClock,
    timers: { ...systemTimers, after: (ms, task) => systemTimers.after(ms * timeScale, task) },
    ids: systemIds,
    log: silentLog,
  });
});
afterEach(() => service.stop());

const variable = (component: string, name: string) => service.environment(component)[name] ?? '';

function send(
  options: { method?: string; token?: string; path?: string; host?: string } = {},
): Promise<{ status: number; body: string; type: string }> {
  const url = new URL(variable('App', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'));
  const headers: Record<string, string> = { connection: 'close' };
  if (options.token !== undefined) headers['authorization'] = options.token;
  if (options.host !== undefined) headers['host'] = options.host;
  return new Promise((resolve, reject) => {
    const path = options.path ?? url.pathname;
    const sent = request(
      { host: url.hostname, port: url.port, path, method: options.method ?? 'GET', headers },
      (got) => {
        let body = '';
        got.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        got.on('end', () => resolve({ status: got.statusCode ?? 0, body, type: got.headers['content-type'] ?? '' }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('the token exchange service', () => {
  test('gives credentials in the form of a container provider to a component with its token', async () => {
    await service.configure({ port: 0 });
    const got = await send({ token: variable('App', 'AWS_CONTAINER_AUTHORIZATION_TOKEN') });
    expect([got.status, got.type]).toEqual([200, 'application/json']);
    expect(JSON.parse(got.body)).toEqual({
      AccessKeyId: 'ASIA1',
      SecretAccessKey: 'secret',
      Token: 'token',
      Expiration: good.status === 200 && 'credentials' in good ? good.credentials.expiration : '',
    });
  });

  test('gives each component a token of its own, which is its SVCUID too and stays while the runtime lives', async () => {
    await service.configure({});
    const token = variable('App', 'AWS_CONTAINER_AUTHORIZATION_TOKEN');
    expect(token).toMatch(/^[A-HJ-NP-Z0-7]{16}$/);
    expect(variable('App', 'SVCUID')).toBe(token);
    expect(variable('App', 'SVCUID')).toBe(token);
    expect(variable('Other', 'SVCUID')).not.toBe(token);
    expect((await send({ token: variable('Other', 'SVCUID') })).status).toBe(200);
  });

  test('refuses who has no token or a wrong one, another path, method or name of this machine', async () => {
    await service.configure({});
    const token = variable('App', 'SVCUID');
    expect((await send()).status).toBe(403);
    for (const wrong of ['', 'X', token.slice(1), `${token}A`, token.toLowerCase()])
      expect((await send({ token: wrong })).status).toBe(403);
    expect((await send({ token, method: 'POST' })).status).toBe(405);
    for (const path of ['/', '/2016-11-01/credentialprovider', '/2016-11-01/credentialprovider/?x'])
      expect((await send({ token, path })).status).toBe(400);
    expect((await send({ token, host: 'rebound.example' })).status).toBe(400);
  });

  test('passes on what the cloud refuses with, and its own failure as 500', async () => {
    await service.configure({});
    const token = variable('App', 'SVCUID');
    answer = async () => ({ status: 403, message: 'Access Denied' });
    expect(await send({ token })).toMatchObject({ status: 403, body: 'Access Denied' });
    service.forget();
    answer = async () => {
      throw new Error('no network');
    };
    expect(await send({ token })).toMatchObject({ status: 500, body: 'no network' });
  });

  test('says after half a minute that there is no answer yet', async () => {
    timeScale = 0.005;
    answer = () => new Promise(() => {});
    await service.configure({});
    expect((await send({ token: variable('App', 'SVCUID') })).status).toBe(504);
  });

  test('is off without its component, and moves to another port', async () => {
    expect(service.environment('App')).not.toHaveProperty('AWS_CONTAINER_CREDENTIALS_FULL_URI');
    await service.configure({});
    const first = variable('App', 'AWS_CONTAINER_CREDENTIALS_FULL_URI');
    expect(first).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/2016-11-01\/credentialprovider\/$/);
    await service.configure({});
    expect(variable('App', 'AWS_CONTAINER_CREDENTIALS_FULL_URI')).toBe(first);
    await service.configure(undefined);
    expect(service.environment('App')).not.toHaveProperty('AWS_CONTAINER_CREDENTIALS_FULL_URI');
  });

  test('names a port that is taken, and a value that it cannot use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(service.configure({ port })).rejects.toThrow(new RegExp(`port ${port}`));
    await new Promise((resolve) => taken.close(resolve));
    for (const wrong of [{ port: 70_000 }, { port: 'x' }, { credentialRetryInSec: { clientError: 5 } }]) {
      const refusal = service.configure(wrong);
      await expect(refusal).rejects.toBeInstanceOf(Fault);
      await expect(refusal).rejects.toMatchObject({ code: 'COMPONENT_CONFIGURATION_NOT_VALID' });
    }
  });
});
