import { Fault, type JsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deploymentDesired,
  deploymentReport,
  parseDeploymentReport,
  parseDeploymentShadow,
} from './deployment-shadow.ts';
import {
  applyShadowDelete,
  applyShadowUpdate,
  DEPLOYMENT_SHADOW,
  parseShadowUpdate,
  type Shadow,
  shadowDocument,
  shadowRejection,
  shadowRequestToken,
} from './shadow.ts';

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const wire = (value: object | undefined): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

const update = (current: Shadow | undefined, body: object, name?: string, now = 5000) =>
  applyShadowUpdate(current, parseShadowUpdate(bytes(body)), now, name);

describe('updates', () => {
  test('the first update makes version 1 and answers the sections that were sent', () => {
    const change = update(undefined, {
      state: { desired: { a: 1, b: { c: [1, 2] } } },
      clientToken: 't',
      thingName: 'T',
    });
    expect(change.shadow).toMatchObject({ version: 1, deleted: false });
    const stamp = { timestamp: 5 };
    const metadata = { desired: { a: stamp, b: { c: [stamp, stamp] } } };
    expect(wire(change.accepted)).toEqual({
      state: { desired: { a: 1, b: { c: [1, 2] } } },
      metadata,
      version: 1,
      timestamp: 5,
      clientToken: 't',
    });
    expect(wire(change.delta)).toEqual({
      state: { a: 1, b: { c: [1, 2] } },
      metadata: metadata.desired,
      version: 1,
      timestamp: 5,
      clientToken: 't',
    });
    expect(wire(change.documents)).toEqual({
      current: { state: { desired: { a: 1, b: { c: [1, 2] } } }, metadata, version: 1 },
      timestamp: 5,
      clientToken: 't',
    });
  });

  test('objects merge, lists replace, null deletes, and old times stay', () => {
    const first = update(undefined, { state: { desired: { a: { x: 1, y: 2 }, l: [1, 2], gone: 1 } } }).shadow;
    const second = update(first, { state: { desired: { a: { y: 3 }, l: [9], gone: null } } }, undefined, 9000);
    expect(wire(second.shadow.state)).toEqual({ desired: { a: { x: 1, y: 3 }, l: [9] } });
    expect(wire(second.shadow.metadata)).toEqual({
      desired: { a: { x: { timestamp: 5 }, y: { timestamp: 9 } }, l: [{ timestamp: 9 }] },
    });
    expect(wire(second.documents)).toMatchObject({ previous: { version: 1 }, current: { version: 2 } });
  });

  test('a leaf may become an object and back', () => {
    const first = update(undefined, { state: { desired: { a: 1 } } }).shadow;
    const second = update(first, { state: { desired: { a: { b: 2 } } } }).shadow;
    expect(wire(second.metadata)).toEqual({ desired: { a: { b: { timestamp: 5 } } } });
    const third = update(second, { state: { desired: { a: 3 } } }).shadow;
    expect(wire(third.metadata)).toEqual({ desired: { a: { timestamp: 5 } } });
  });

  test('a section set to null, or emptied, disappears', () => {
    const first = update(undefined, { state: { desired: { a: 1 }, reported: { a: 1 } } }).shadow;
    expect(wire(update(first, { state: { desired: null } }).shadow.state)).toEqual({ reported: { a: 1 } });
    expect(wire(update(first, { state: { reported: { a: null } } }).shadow.state)).toEqual({ desired: { a: 1 } });
  });

  test('the delta holds what desired has and reported has not, or has otherwise', () => {
    const body = {
      state: { desired: { a: 1, b: { c: 1, d: 2 }, e: [1] }, reported: { a: 1, b: { c: 1, d: 3 }, e: [1], f: 1 } },
    };
    expect(wire(update(undefined, body).delta)).toMatchObject({
      state: { b: { d: 2 } },
      metadata: { b: { d: { timestamp: 5 } } },
    });
    const equal = { state: { desired: { a: { x: [1, { y: 2 }] } }, reported: { a: { x: [1, { y: 2 }] } } } };
    expect(update(undefined, equal).delta).toBeUndefined();
  });

  test('a stale version is a conflict', () => {
    const { shadow } = update(undefined, { state: { desired: { a: 1 } } });
    expect(update(shadow, { state: {}, version: 1 }).shadow.version).toBe(2);
    expect(() => update(shadow, { state: {}, version: 2 })).toThrow(
      expect.objectContaining({ code: 'ConflictException' }),
    );
  });

  test('a deleted shadow is gone, and continues its versions when made again', () => {
    const { shadow } = update(undefined, { state: { desired: { a: 1 } } });
    const deleted = applyShadowDelete(shadow, 7000, 's', 't');
    expect(wire(deleted.accepted)).toEqual({ version: 1, timestamp: 7, clientToken: 't' });
    const gone = expect.objectContaining({
      code: 'ResourceNotFoundException',
      message: "No shadow exists with name: 's'",
    });
    expect(() => shadowDocument(deleted.shadow, 8000, 's')).toThrow(gone);
    expect(() => applyShadowDelete(deleted.shadow, 8000, 's')).toThrow(gone);
    const again = update(deleted.shadow, { state: { reported: { b: 1 } } });
    expect(again.shadow.version).toBe(2);
    expect(wire(again.shadow.state)).toEqual({ reported: { b: 1 } });
  });

  test('get adds the delta', () => {
    const { shadow } = update(undefined, { state: { desired: { a: 1 }, reported: { a: 2 } } });
    expect(wire(shadowDocument(shadow, 9000))).toEqual({
      state: { desired: { a: 1 }, reported: { a: 2 }, delta: { a: 1 } },
      metadata: { desired: { a: { timestamp: 5 } }, reported: { a: { timestamp: 5 } } },
      version: 1,
      timestamp: 9,
    });
  });

  test('8 KB are accepted, one byte more is not, except for the deployment shadow', () => {
    const body = (length: number) => ({ state: { reported: { a: 'x'.repeat(length) } } });
    const overhead = JSON.stringify({ reported: { a: '' } }).length;
    expect(update(undefined, body(8192 - overhead)).shadow.version).toBe(1);
    const large = expect.objectContaining({ code: 'RequestEntityTooLargeException' });
    expect(() => update(undefined, body(8193 - overhead))).toThrow(large);
    expect(update(undefined, body(20_000), DEPLOYMENT_SHADOW).shadow.version).toBe(1);
  });

  test('a key named __proto__ is only a key', () => {
    const text = '{"state":{"desired":{"__proto__":{"a":1},"constructor":{"b":1}}}}';
    const change = applyShadowUpdate(undefined, parseShadowUpdate(bytes(text)), 5000);
    const again = applyShadowUpdate(
      change.shadow,
      parseShadowUpdate(bytes('{"state":{"desired":{"__proto__":{"c":2}}}}')),
      5000,
    );
    expect(JSON.stringify(again.shadow.state)).toBe('{"desired":{"__proto__":{"a":1,"c":2},"constructor":{"b":1}}}');
    expect(JSON.stringify(again.delta?.['state'])).toBe('{"__proto__":{"a":1,"c":2},"constructor":{"b":1}}');
    expect(Reflect.get({}, 'a')).toBeUndefined();
  });
});

describe('requests', () => {
  const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });

  test.each<[string, unknown]>([
    ['no state', {}],
    ['a state that is a string', { state: 'x' }],
    ['a section that is a list', { state: { desired: [] } }],
    ['a version that is a string', { state: {}, version: '1' }],
    ['a token of 65 characters', { state: {}, clientToken: 'x'.repeat(65) }],
    ['six levels of nesting', { state: { desired: nested(6) } }],
    ['what is not JSON', '{"state":'],
  ])('%s is refused', (_, body) => {
    expect(() => parseShadowUpdate(bytes(body))).toThrow(expect.objectContaining({ code: 'InvalidRequestException' }));
  });

  test('five levels of nesting are accepted', () => {
    expect(parseShadowUpdate(bytes({ state: { desired: nested(5) } })).version).toBeUndefined();
  });

  test('rejections carry a number and no cause of ours', () => {
    expect(wire(shadowRejection(new Fault('ConflictException', 'Version conflict'), 5000, 't'))).toEqual({
      code: 409,
      message: 'Version conflict',
      timestamp: 5,
      clientToken: 't',
    });
    expect(shadowRejection(new Fault('SQLITE_BUSY', 'database is locked'), 5000)).toMatchObject({
      code: 500,
      message: 'Internal service failure',
    });
  });

  test('a get may carry a token, or anything', () => {
    expect(shadowRequestToken(bytes({ clientToken: 't' }))).toBe('t');
    expect(shadowRequestToken(bytes('nonsense'))).toBeUndefined();
  });
});

test('applying any two updates keeps the delta true and the version counting', () => {
  const key = fc.constantFrom('a', 'b', '__proto__', 'timestamp');
  const { section } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.constant(null), fc.array(fc.integer()), tie('section')),
    section: fc.dictionary(key, tie('value'), { maxKeys: 3 }),
  }));
  const request = fc.record({ desired: section, reported: section }, { requiredKeys: [] });
  fc.assert(
    fc.property(request, request, (one, two) => {
      const first = update(undefined, { state: one }).shadow;
      const second = update(first, { state: two });
      expect(second.shadow.version).toBe(2);
      const merged = second.delta?.['state'];
      const reported: JsonObject = second.shadow.state.reported ?? {};
      // Reporting the delta settles it, whatever else was reported before.
      const settled = update(second.shadow, { state: { reported: merged ?? {} } });
      if (merged !== undefined || Object.keys(reported).length > 0) expect(settled.delta).toBeUndefined();
    }),
  );
});

test('any payload is read or refused with a fault', () => {
  const payload = fc.oneof(
    fc.uint8Array(),
    fc.dictionary(fc.constantFrom('state', 'version'), fc.jsonValue()).map(bytes),
  );
  fc.assert(
    fc.property(payload, (sent) => {
      for (const read of [parseShadowUpdate, parseDeploymentShadow, parseDeploymentReport]) {
        try {
          read(sent);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }
    }),
  );
});

describe('the deployment shadow', () => {
  const reported = {
    configurationArn: 'arn:3',
    status: 'FAILED' as const,
    outcome: {
      detailedStatus: 'FAILED_NO_STATE_CHANGE' as const,
      failureCause: 'x',
      errorStack: ['E'],
      errorTypes: ['T'],
    },
    nucleusVersion: '2.18.0',
  };

  test('cloud and device read one another', () => {
    const desired = update(undefined, { state: { desired: deploymentDesired('{"a":1}', false) } }, DEPLOYMENT_SHADOW);
    expect(parseDeploymentShadow(bytes(desired.accepted))).toEqual({
      version: 1,
      desired: { fleetConfig: '{"a":1}', desiredStatus: 'SUCCEEDED' },
      reported: undefined,
    });
    const report = bytes(deploymentReport('T', DEPLOYMENT_SHADOW, reported));
    expect(parseDeploymentReport(report)).toEqual(reported);
    const after = applyShadowUpdate(desired.shadow, parseShadowUpdate(report), 6000, DEPLOYMENT_SHADOW);
    expect(parseDeploymentShadow(bytes(shadowDocument(after.shadow, 6000)))).toMatchObject({ version: 2, reported });
  });

  test('a report with an old version is taken, a write to desired with one is not', () => {
    const { shadow } = update(undefined, { state: { desired: { a: 1 } } }, DEPLOYMENT_SHADOW);
    expect(update(shadow, { state: { reported: { b: 1 } }, version: 0 }, DEPLOYMENT_SHADOW).shadow.version).toBe(2);
    const write = () => update(shadow, { state: { desired: { b: 1 } }, version: 0 }, DEPLOYMENT_SHADOW);
    expect(write).toThrow(expect.objectContaining({ code: 'ConflictException' }));
  });
});
