import { expect, test } from 'vitest';
import { mayClaim } from './claim-policy.ts';

test.each([
  '$aws/certificates/create/json',
  '$aws/certificates/create-from-csr/json/accepted',
  '$aws/certificates/create/+/rejected',
  '$aws/provisioning-templates/T/provision/json',
  '$aws/provisioning-templates/#',
])('a claim may use %s', (topic) => {
  expect(mayClaim(topic)).toBe(true);
});

test.each([
  '$aws/#',
  '$aws/certificates/#',
  '$aws/+/create/json',
  '#',
  'a',
  '$aws/things/t/shadow/get',
  '$aws/provisioning-templates',
])('a claim may not use %s', (topic) => {
  expect(mayClaim(topic)).toBe(false);
});
