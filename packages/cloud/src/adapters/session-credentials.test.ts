import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSessionCredentials } from './session-credentials.ts';

let count = 0;
const ids = { random: (bytes: number) => new Uint8Array(bytes).fill(++count) };
const made = (fill: number) => createSessionCredentials({ secret: new Uint8Array(32).fill(fill), ids });
const port = made(1);
const session = {
  roleArn: 'arn:aws:iam::000000000000:role/Fetch',
  certificateId: 'ab'.repeat(32),
  thing: 'core-1',
  expiresAt: 1_700_000_000_000,
};

test('credentials come back as the session they were made for, with the secret that signs', () => {
  const credentials = port.issue(session);
  expect(credentials.accessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/);
  expect(credentials.secretAccessKey).toHaveLength(40);
  const opened = made(1).open(credentials.accessKeyId, credentials.sessionToken);
  expect(opened).toEqual({ session, secret: credentials.secretAccessKey });
});

test('two sessions of one device share nothing', () => {
  const [one, two] = [port.issue(session), port.issue(session)];
  expect(one.accessKeyId).not.toBe(two.accessKeyId);
  expect(one.secretAccessKey).not.toBe(two.secretAccessKey);
  expect(port.open(one.accessKeyId, two.sessionToken)).toBeUndefined();
});

test('credentials of another cloud are unknown', () => {
  const { accessKeyId, sessionToken } = made(2).issue(session);
  expect(port.open(accessKeyId, sessionToken)).toBeUndefined();
});

test('a token that was changed anywhere, or made up, is unknown', () => {
  const { accessKeyId, sessionToken } = port.issue(session);
  fc.assert(
    fc.property(fc.nat(sessionToken.length - 2), fc.constantFrom(...'AZaz09-_.'), (at, character) => {
      const changed = sessionToken.slice(0, at) + character + sessionToken.slice(at + 1);
      expect(changed === sessionToken || port.open(accessKeyId, changed) === undefined).toBe(true);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => port.open(accessKeyId, text) === undefined));
});
