import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseCsrRequest,
  parseProvisioningTopic,
  parseProvisionRequest,
  provisioningRejection,
} from './provisioning.ts';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const refused = { code: 'InvalidPayload' };

describe('provisioning topics', () => {
  test.each([
    ['$aws/certificates/create/json', { kind: 'create-keys', format: 'json' }],
    ['$aws/certificates/create/cbor', { kind: 'create-keys', format: 'cbor' }],
    ['$aws/certificates/create-from-csr/json', { kind: 'create-from-csr', format: 'json' }],
    ['$aws/provisioning-templates/T_1-x/provision/json', { kind: 'provision', template: 'T_1-x', format: 'json' }],
  ])('%s is taken apart', (topic, parts) => {
    expect(parseProvisioningTopic(topic)).toEqual(parts);
  });

  test.each([
    '$aws/certificates/create',
    '$aws/certificates/create/xml',
    '$aws/certificates/create/json/accepted',
    '$aws/provisioning-templates/T/provision/json/rejected',
    '$aws/certificates/create/json/other',
    '$aws/certificates/create/json/accepted/more',
    '$aws/provisioning-templates//provision/json',
    `$aws/provisioning-templates/${'x'.repeat(37)}/provision/json`,
    '$aws/provisioning-templates/a b/provision/json',
    '$aws/provisioning-templates/T/json',
    'x/$aws/certificates/create/json',
    '$aws/things/certificates/create/json',
  ])('%s is none', (topic) => {
    expect(parseProvisioningTopic(topic)).toBeUndefined();
  });
});

describe('provisioning payloads', () => {
  test('a rejection has a status, a code and a message', () => {
    expect(provisioningRejection('InvalidCertificateOwnershipToken', 'why')).toEqual({
      statusCode: 403,
      errorCode: 'InvalidCertificateOwnershipToken',
      errorMessage: 'why',
    });
  });

  test('a provision request may leave out its template, and name no other', () => {
    const token = { certificateOwnershipToken: 't' };
    expect(parseProvisionRequest(bytes(token), 'T')).toEqual({ token: 't', parameters: new Map() });
    const full = { ...token, templateName: 'T', parameters: { SerialNumber: '1' } };
    expect(parseProvisionRequest(bytes(full), 'T').parameters).toEqual(new Map([['SerialNumber', '1']]));
    expect(() => parseProvisionRequest(bytes({ ...token, templateName: 'U' }), 'T')).toThrow(
      expect.objectContaining(refused),
    );
  });

  test('parameters called like members of every object are parameters', () => {
    const payload = '{"certificateOwnershipToken":"t","parameters":{"__proto__":"a","constructor":"b"}}';
    expect([...parseProvisionRequest(bytes(payload), 'T').parameters]).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  test.each([
    ['not JSON', '{'],
    ['a list', '[]'],
    ['nothing', ''],
    ['a token that is no string', { certificateOwnershipToken: 1 }],
    ['parameters that are a list', { certificateOwnershipToken: 't', parameters: [] }],
    ['a number as a parameter', { certificateOwnershipToken: 't', parameters: { a: 1 } }],
    ['a value that is too long', { certificateOwnershipToken: 't', parameters: { a: 'x'.repeat(8193) } }],
    [
      'too many parameters',
      {
        certificateOwnershipToken: 't',
        parameters: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`p${i}`, ''])),
      },
    ],
    ['a megabyte', { certificateOwnershipToken: 'x'.repeat(1 << 20) }],
    ['nesting without end', '['.repeat(5000)],
  ])('%s is refused as a provision request', (_, payload) => {
    expect(() => parseProvisionRequest(bytes(payload), 'T')).toThrow(expect.objectContaining(refused));
  });

  test('a CSR request needs a CSR', () => {
    expect(parseCsrRequest(bytes({ certificateSigningRequest: 'pem' }))).toBe('pem');
    for (const payload of ['{}', { certificateSigningRequest: '' }, { certificateSigningRequest: {} }]) {
      expect(() => parseCsrRequest(bytes(payload))).toThrow(expect.objectContaining(refused));
    }
  });

  test('whatever the bytes are, a request is read or refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (payload) => {
          for (const parse of [() => parseCsrRequest(payload), () => parseProvisionRequest(payload, 'T')]) {
            try {
              parse();
            } catch (error) {
              expect(error).toMatchObject(refused);
            }
          }
        },
      ),
    );
  });
});
