import { Fault, isJsonObject, type Json } from '@greensward/kit';
import type { AwsCalls } from './aws-call.ts';
import type { RegistryLogin } from './data-plane.ts';
import { isRetryableStatus, readBody } from './http-exchange.ts';

const maxAnswerBytes = 64 * 1024;

/** What opens a private registry `<account>.dkr.ecr.<region>.amazonaws.com`: ECR GetAuthorizationToken with the device's role. */
export async function ecrLogin(aws: AwsCalls, registry: string, signal: AbortSignal): Promise<RegistryLogin> {
  const [, region = aws.region, suffix = 'amazonaws.com'] =
    /^\d+\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)$/.exec(registry) ?? [];
  const base = aws.endpoints.ecr ?? `https://api.ecr.${region}.${suffix}`;
  const { response, call } = await aws.send(
    {
      service: 'ecr',
      region,
      method: 'POST',
      url: new URL(`${base.replace(/\/+$/, '')}/`),
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
      },
      body: new TextEncoder().encode('{}'),
    },
    signal,
  );
  const status = response.statusCode ?? 0;
  const body = new TextDecoder().decode(await readBody(response, maxAnswerBytes, call));
  if (status === 200) return loginIn(body, registry);
  throw new Fault('GET_ECR_CREDENTIAL_ERROR', `GetAuthorizationToken for ${registry}: HTTP ${status}`, {
    retryable: isRetryableStatus(status),
    context: { status },
  });
}

/** The token is `user:password` in base64. No part of it may be in a message. */
function loginIn(body: string, registry: string): RegistryLogin {
  let answer: Json;
  try {
    answer = JSON.parse(body);
  } catch {
    throw new Fault('GET_ECR_CREDENTIAL_ERROR', `the answer for ${registry} is not JSON`);
  }
  const list = isJsonObject(answer) ? answer['authorizationData'] : undefined;
  const first = Array.isArray(list) ? list[0] : undefined;
  const token = isJsonObject(first) ? first['authorizationToken'] : undefined;
  const text = typeof token === 'string' ? Buffer.from(token, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  throw new Fault('GET_ECR_CREDENTIAL_ERROR', `the answer for ${registry} has no authorization token`);
}
