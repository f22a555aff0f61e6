import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { iot } from '@greensward/protocol/iot';
import { describe, expect, test } from 'vitest';
import type { Answer, ErrorStyle } from '../exchange.ts';
import { queryErrors } from './query.ts';
import { restJsonErrors } from './rest-json.ts';
import { restXmlErrors } from './rest-xml.ts';

function render(style: ErrorStyle, code: string, context: Readonly<Record<string, unknown>> = {}): Answer {
  const translated = style.translate(code);
  const status = style.status(translated) ?? 0;
  return style.render({
    code: translated,
    status,
    message: 'what <is> "wrong"',
    context,
    requestId: 'r',
    path: '/b/k',
  });
}

function textOf(answer: Answer): string {
  return answer.body instanceof Uint8Array ? Buffer.from(answer.body).toString('utf8') : '';
}

describe('errors in the shape of their service', () => {
  test('Greengrass: ValidationException with reason and fields, and nothing else of the context', () => {
    const fields = [{ name: 'targetArn', message: 'is required' }];
    const answer = render(restJsonErrors(greengrassv2), 'ValidationException', { reason: 'OTHER', fields, secret: 1 });
    expect(answer.status).toBe(400);
    expect(answer.headers['x-amzn-errortype']).toBe('ValidationException');
    expect(JSON.parse(textOf(answer))).toEqual({ message: 'what <is> "wrong"', reason: 'OTHER', fields });
  });

  test('IoT: a broken constraint is InvalidRequestException', () => {
    const answer = render(restJsonErrors(iot), 'ValidationException', { fields: [] });
    expect(answer.headers['x-amzn-errortype']).toBe('InvalidRequestException');
    expect(JSON.parse(textOf(answer))).toEqual({ message: 'what <is> "wrong"' });
  });

  test.each([
    [iot, 'ResourceAlreadyExistsException', 409],
    [iot, 'CertificateStateException', 406],
    [iot, 'DeleteConflictException', 409],
    [greengrassv2, 'ConflictException', 409],
    [greengrassv2, 'ServiceQuotaExceededException', 402],
    [greengrassv2, 'InvalidSignatureException', 403],
    [iot, 'UnrecognizedClientException', 403],
  ])('the status of an error is the one of its service', (service, code, status) => {
    expect(render(restJsonErrors(service), code).status).toBe(status);
  });

  test('S3: XML, escaped, under its own names', () => {
    const answer = render(restXmlErrors, 'UnrecognizedClientException');
    expect(answer.status).toBe(403);
    expect(textOf(answer)).toContain(
      '<Code>InvalidAccessKeyId</Code><Message>what &lt;is&gt; &quot;wrong&quot;</Message>',
    );
  });

  test('STS: XML of the Query protocol', () => {
    const answer = render(queryErrors('https://sts.example/'), 'SignatureDoesNotMatch');
    expect(answer.status).toBe(403);
    expect(textOf(answer)).toContain('<Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>');
  });
});
