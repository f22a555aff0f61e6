import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pruneTick } from '../tasks/prune-tick.ts';
import type { Claimant } from './app.ts';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

const role = 'arn:aws:iam::000000000000:role/Provisioning';
const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});
const invalid = { code: 'InvalidRequestException' };
const badToken = { code: 'InvalidCertificateOwnershipToken' };
const missing = { code: 'ResourceNotFoundException' };
const failed = { code: 'ResourceRegistrationFailureException' };
const conflict = { code: 'ConflictingResourceUpdateException' };
const claimant: Claimant = { certificateId: 'c'.repeat(64) };

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await openTestCloud();
  await cloud.app.groups.create({ name: 'line' });
  await cloud.app.policies.create('device', document);
});
afterEach(() => cloud.close());

/** A template with this in its resources, besides a certificate and a policy. */
function body(thing: object = {}, more: object = {}, resources: object = {}) {
  return JSON.stringify({
    Parameters: { ThingName: { Type: 'String' }, Group: { Type: 'String', Default: 'line' } },
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: { ThingName: { Ref: 'ThingName' }, ThingGroups: [{ Ref: 'Group' }], ...thing },
        ...more,
      },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'device' } },
      ...resources,
    },
    DeviceConfiguration: { group: { Ref: 'Group' } },
  });
}
const template = (text = body(), enabled = true) =>
  cloud.app.provisioning.templates.create({ name: 'T', body: text, roleArn: role, enabled });
const provision = (
  token: string,
  parameters: Record<string, string> = { ThingName: 'core' },
  by = claimant,
  name = 'T',
) => cloud.app.provisioning.provision(by, { template: name, token, parameters: new Map(Object.entries(parameters)) });
const status = async (id: string) => (await cloud.app.certificates.describe(id)).status;

describe('provisioning by claim', () => {
  test('makes thing, membership and attachments, and puts the certificate into use', async () => {
    await template(body({ AttributePayload: { line: { Ref: 'Group' } } }));
    const { certificateId, token } = await cloud.app.provisioning.createKeys(claimant);
    expect(await status(certificateId)).toBe('PENDING_ACTIVATION');
    cloud.events.length = 0;
    expect(await provision(token)).toEqual({ thingName: 'core', deviceConfiguration: { group: 'line' } });
    expect(await status(certificateId)).toBe('ACTIVE');
    expect(await cloud.app.things.describe('core')).toMatchObject({ attributes: { line: 'line' }, version: 1 });
    expect(await cloud.app.groups.ofThing('core')).toEqual(['line']);
    expect(await cloud.app.things.principals('core')).toEqual([cloud.arns.certificate(certificateId)]);
    const policies = await cloud.app.policies.attachedTo(cloud.arns.certificate(certificateId));
    expect(policies.map(({ name }) => name)).toEqual(['device']);
    expect(cloud.events).toEqual([
      { kind: 'rollout' },
      { kind: 'things-changed' },
      { kind: 'rights-changed', certificates: [certificateId] },
    ]);
  });

  test('gives what the group runs to the new device', async () => {
    await template();
    await cloud.app.deployments.create({
      targetArn: cloud.arns.group('line'),
      components: { A: { componentVersion: '1.0.0' } },
    });
    await provision((await cloud.app.provisioning.createFromCsr(claimant, 'csr')).token);
    await cloud.rollout();
    expect((await cloud.app.jobs.pendingMany(['core'])).get('core')?.executions).toHaveLength(1);
  });

  test('asked again with the same token answers the same; for another thing the token is spent', async () => {
    await template();
    const { certificateId, token } = await cloud.app.provisioning.createKeys(claimant);
    const first = await provision(token);
    expect(await provision(token)).toEqual(first);
    await expect(provision(token, { ThingName: 'other' })).rejects.toMatchObject(badToken);
    await expect(cloud.app.things.describe('other')).rejects.toMatchObject(missing);
    await cloud.app.certificates.setStatus(certificateId, 'REVOKED');
    await expect(provision(token)).rejects.toMatchObject(badToken);
    expect(await status(certificateId)).toBe('REVOKED');
  });

  test('refuses tokens that are forged, expired, of a deleted certificate or of another claim', async () => {
    await template();
    const { certificateId, token } = await cloud.app.provisioning.createKeys(claimant);
    await expect(provision(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).rejects.toMatchObject(badToken);
    await expect(provision('__proto__')).rejects.toMatchObject(badToken);
    const other = { certificateId: 'd'.repeat(64) };
    await expect(provision(token, undefined, other)).rejects.toMatchObject(badToken);
    await cloud.app.certificates.delete(certificateId, true);
    await expect(provision(token)).rejects.toMatchObject(badToken);
    const late = await cloud.app.provisioning.createKeys(claimant);
    cloud.clock.advance(3_600_000);
    await expect(provision(late.token)).rejects.toMatchObject(badToken);
    await expect(cloud.app.things.describe('core')).rejects.toMatchObject(missing);
  });

  test('refuses a template that is unknown or disabled, and parameters that are missing', async () => {
    const { token } = await cloud.app.provisioning.createKeys(claimant);
    await expect(provision(token)).rejects.toMatchObject(missing);
    await template(body(), false);
    await expect(provision(token)).rejects.toMatchObject({ code: 'UnauthorizedException' });
    await cloud.app.provisioning.templates.update('T', { enabled: true });
    await expect(provision(token, { constructor: 'x' })).rejects.toMatchObject(invalid);
    await expect(provision(token, undefined, claimant, '__proto__')).rejects.toMatchObject(missing);
    expect(await provision(token)).toMatchObject({ thingName: 'core' });
  });

  test.each([
    ['a group that is not there', body({ ThingGroups: ['line', 'nobody'] }), failed],
    [
      'a policy that is not there',
      body({}, {}, { p: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'x' } } }),
      failed,
    ],
    ['a thing type that is not there', body({ ThingTypeName: 'pump' }), failed],
    [
      'a policy document that is none',
      body({}, {}, { p: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: '{}' } } }),
      invalid,
    ],
    ['more attributes than a thing has', body({ AttributePayload: { a: '1', b: '2', c: '3', d: '4' } }), invalid],
    [
      'a certificate of its own',
      body({}, {}, { certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: 'a'.repeat(64) } } }),
      invalid,
    ],
  ])('that fails for %s leaves nothing', async (_, text, refusal) => {
    await template(text);
    const { certificateId, token } = await cloud.app.provisioning.createKeys(claimant);
    await expect(provision(token)).rejects.toMatchObject(refusal);
    expect(await status(certificateId)).toBe('PENDING_ACTIVATION');
    expect(await cloud.app.policies.attachedTo(cloud.arns.certificate(certificateId))).toEqual([]);
    await expect(cloud.app.things.describe('core')).rejects.toMatchObject(missing);
    expect((await cloud.app.policies.list({ limit: 10 })).items.map(({ name }) => name)).toEqual(['device']);
  });

  test('a policy document of a template is one policy, however many devices have it', async () => {
    const written = { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: document } };
    await template(body({}, {}, { policy: written }));
    for (const ThingName of ['one', 'two']) {
      await provision((await cloud.app.provisioning.createKeys(claimant)).token, { ThingName });
    }
    const names = (await cloud.app.policies.list({ limit: 10 })).items.map(({ name }) => name);
    expect(names).toHaveLength(2);
    expect(names).toContainEqual(expect.stringMatching(/^[0-9a-f]{64}$/));
  });
});

describe('provisioning a thing that exists', () => {
  beforeEach(async () => {
    await cloud.app.groups.create({ name: 'old' });
    await cloud.app.things.create({ name: 'core', attributes: { a: '1', b: '2' } });
    await cloud.app.groups.addThing('old', 'core');
  });
  const again = async (overrides: object) => {
    await template(body({ AttributePayload: { b: '3', c: '4' } }, { OverrideSettings: overrides }));
    const { certificateId, token } = await cloud.app.provisioning.createKeys(claimant);
    await provision(token);
    expect(await cloud.app.things.principals('core')).toContain(cloud.arns.certificate(certificateId));
    return { ...(await cloud.app.things.describe('core')), groups: await cloud.app.groups.ofThing('core') };
  };

  test.each([
    [{}, { a: '1', b: '2' }, ['old']],
    [{ AttributePayload: 'DO_NOTHING', ThingGroups: 'DO_NOTHING' }, { a: '1', b: '2' }, ['old']],
    [{ AttributePayload: 'MERGE', ThingGroups: 'MERGE' }, { a: '1', b: '3', c: '4' }, ['line', 'old']],
    [{ AttributePayload: 'REPLACE', ThingGroups: 'REPLACE' }, { b: '3', c: '4' }, ['line']],
  ])('with the settings %j leaves it so', async (overrides, attributes, groups) => {
    expect(await again(overrides)).toMatchObject({ attributes, groups });
  });

  test.each([{ AttributePayload: 'FAIL' }, { ThingGroups: 'FAIL' }])(
    'with %j fails for a difference',
    async (overrides) => {
      await expect(again(overrides)).rejects.toMatchObject(conflict);
      expect(await cloud.app.things.describe('core')).toMatchObject({ attributes: { a: '1', b: '2' } });
      expect(await cloud.app.things.principals('core')).toEqual([]);
    },
  );
});

describe('the thing type of a template', () => {
  const typed = (overrides: object) => body({ ThingTypeName: 'pump' }, { OverrideSettings: overrides });
  const provisionBy = async (text: string) => {
    await template(text);
    await provision((await cloud.app.provisioning.createKeys(claimant)).token);
    return (await cloud.app.things.describe('core')).typeName;
  };
  beforeEach(async () => {
    await cloud.app.thingTypes.create({ name: 'pump' });
    await cloud.app.thingTypes.create({ name: 'valve' });
  });

  test('is that of a new thing', async () => {
    expect(await provisionBy(typed({}))).toBe('pump');
  });

  test.each([
    [{}, 'valve'],
    [{ ThingTypeName: 'DO_NOTHING' }, 'valve'],
    [{ ThingTypeName: 'REPLACE' }, 'pump'],
  ])('with the settings %j leaves a thing of another type as %s', async (overrides, type) => {
    await cloud.app.things.create({ name: 'core', typeName: 'valve' });
    expect(await provisionBy(typed(overrides))).toBe(type);
  });

  test('with FAIL, and when it is deprecated, registers nothing', async () => {
    await cloud.app.things.create({ name: 'core', typeName: 'valve' });
    await expect(provisionBy(typed({ ThingTypeName: 'FAIL' }))).rejects.toMatchObject(conflict);
    await cloud.app.things.delete('core');
    await cloud.app.provisioning.templates.delete('T');
    await cloud.app.thingTypes.deprecate('pump', false);
    await expect(provisionBy(typed({}))).rejects.toMatchObject(invalid);
    await expect(cloud.app.things.describe('core')).rejects.toMatchObject(missing);
  });

  test('leaves a dynamic group, which finds the new thing by it', async () => {
    await cloud.app.dynamicGroups.create({ name: 'pumps', query: 'thingTypeName:pump', index: {} });
    await provisionBy(body({ ThingTypeName: 'pump' }, { OverrideSettings: { ThingGroups: 'REPLACE' } }));
    await cloud.dynamicGroups();
    expect(await cloud.app.groups.ofThing('core')).toContain('pumps');
    await provision((await cloud.app.provisioning.createKeys(claimant)).token);
    expect(await cloud.app.groups.ofThing('core')).toContain('pumps');
  });
});

describe('a claim that is made for one template', () => {
  const der = (pem: string) => Buffer.from(pem.split('\n')[1] ?? '', 'base64');

  test('provisions by that template only, for five minutes', async () => {
    await template();
    const made = await cloud.app.provisioning.createClaim('T');
    expect(made.expiresAt).toBe(cloud.clock.now() + 300_000);
    const identity = await cloud.app.access.device(der(made.certificatePem));
    const claim = { certificateId: made.certificateId, template: 'T', expiresAt: made.expiresAt };
    expect(identity).toMatchObject({ certificateId: made.certificateId, things: [] });
    const device = await cloud.app.access.connect(der(made.certificatePem), { clientId: 'any', sourceIp: '' });
    expect(device).toMatchObject({ claim });
    const { token } = await cloud.app.provisioning.createKeys(claim);
    await cloud.app.provisioning.templates.create({ name: 'U', body: body(), roleArn: role, enabled: true });
    const forbidden = { code: 'UnauthorizedException' };
    await expect(provision(token, undefined, claim, 'U')).rejects.toMatchObject(forbidden);
    cloud.clock.advance(300_000);
    await expect(provision(token, undefined, claim)).rejects.toMatchObject(forbidden);
    await expect(cloud.app.provisioning.createKeys(claim)).rejects.toMatchObject(forbidden);
    expect(await cloud.app.access.device(der(made.certificatePem))).toBeUndefined();
  });

  test('is not made for a template that is not there', async () => {
    await expect(cloud.app.provisioning.createClaim('nobody')).rejects.toMatchObject(missing);
  });

  test('a certificate of no thing claims only with a policy', async () => {
    const { certificateId, certificatePem } = await cloud.app.certificates.createKeys(true);
    const connect = async (clientId: string) => {
      const device = await cloud.app.access.connect(der(certificatePem), { clientId, sourceIp: '' });
      return 'refused' in device ? undefined : device;
    };
    expect(await connect('any')).toBeUndefined();
    await cloud.app.policies.attach('device', cloud.arns.certificate(certificateId));
    expect((await connect('any'))?.claim).toEqual({ certificateId });
    await cloud.app.things.create({ name: 'core' });
    await cloud.app.things.attachPrincipal('core', cloud.arns.certificate(certificateId));
    const device = await connect('core');
    expect([device?.things, device?.claim]).toEqual([['core'], undefined]);
  });

  test('of CreateProvisioningClaim may do what its template needs, without a policy, and nothing else', async () => {
    await template();
    const made = await cloud.app.provisioning.createClaim('T');
    const device = await cloud.app.access.connect(der(made.certificatePem), { clientId: 'any', sourceIp: '' });
    if ('refused' in device) throw new Error(device.refused);
    expect(device.claim).toMatchObject({ template: 'T' });
    expect(device.may('iot:Publish', 'topic/$aws/provisioning-templates/T/provision/json')).toBe(true);
    expect(device.may('iot:Subscribe', 'topicfilter/$aws/certificates/create/json/accepted')).toBe(true);
    for (const topic of ['$aws/things/core/shadow/get', '$aws/events/x', 'a']) {
      expect(device.may('iot:Publish', `topic/${topic}`)).toBe(false);
    }
    const Statement = { Effect: 'Deny', Action: 'iot:*', Resource: '*' };
    await cloud.app.policies.create('no', JSON.stringify({ Version: '2012-10-17', Statement }));
    await cloud.app.policies.attach('no', cloud.arns.certificate(made.certificateId));
    const denied = await cloud.app.access.connect(der(made.certificatePem), { clientId: 'any', sourceIp: '' });
    expect(denied).toHaveProperty('refused');
  });
});

describe('what is not registered in time', () => {
  const account = { accountId: '000000000000', region: 'us-east-1', partition: 'aws' } as const;
  const prune = () => pruneTick({ ...cloud, account });

  test('is forgotten: pending certificates after an hour, claims when they have expired', async () => {
    await template();
    const claim = await cloud.app.provisioning.createClaim('T');
    await cloud.app.policies.attach('device', cloud.arns.certificate(claim.certificateId));
    const pending = await cloud.app.provisioning.createKeys(claimant);
    const planned = await cloud.app.provisioning.createKeys(claimant);
    await cloud.app.policies.attach('device', cloud.arns.certificate(planned.certificateId));
    const used = await cloud.app.provisioning.createKeys(claimant);
    await provision(used.token);
    await prune();
    expect((await cloud.app.certificates.list({ limit: 10 })).items).toHaveLength(4);
    cloud.clock.advance(3_600_001);
    expect(await prune()).toEqual({ nextAt: cloud.clock.now() + 3_600_000 });
    const left = (await cloud.app.certificates.list({ limit: 10 })).items;
    expect(new Map(left.map((each) => [each.id, each.status]))).toEqual(
      new Map([
        [planned.certificateId, 'INACTIVE'],
        [used.certificateId, 'ACTIVE'],
      ]),
    );
    expect(left.map(({ id }) => id)).not.toContain(pending.certificateId);
  });
});

describe('registering by a template of the call', () => {
  const register = (resources: object, parameters: Record<string, string> = {}) =>
    cloud.app.provisioning.register({
      body: JSON.stringify({
        Parameters: { ThingName: { Type: 'String', Default: 'core' }, CSR: { Type: 'String', Default: 'csr' } },
        Resources: {
          thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'ThingName' } } },
          policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'device' } },
          ...resources,
        },
      }),
      parameters: new Map(Object.entries(parameters)),
    });
  const certificate = (Properties: object, more: object = {}) => ({
    certificate: { Type: 'AWS::IoT::Certificate', Properties, ...more },
  });

  test('issues a certificate for a request, and answers with it and all ARNs', async () => {
    const done = await register(certificate({ CertificateSigningRequest: { Ref: 'CSR' } }));
    const [arn = ''] = await cloud.app.things.principals('core');
    expect(Object.fromEntries(done.resourceArns)).toEqual({
      thing: cloud.arns.thing('core'),
      certificate: arn,
      policy: cloud.arns.policy('device'),
    });
    expect(done.certificatePem).toContain('BEGIN CERTIFICATE');
    expect(await status(cloud.arns.certificateId(arn) ?? '')).toBe('ACTIVE');
  });

  test('takes a certificate that is registered, by its id or as PEM, and leaves its status if it is told to', async () => {
    const one = await cloud.app.certificates.createKeys(false);
    await register(certificate({ CertificateId: one.certificateId }));
    expect(await status(one.certificateId)).toBe('ACTIVE');
    const two = await cloud.app.certificates.createKeys(false);
    await register(certificate({ CertificatePem: two.certificatePem }, { OverrideSettings: { Status: 'DO_NOTHING' } }));
    expect(await status(two.certificateId)).toBe('INACTIVE');
    const three = await cloud.app.certificates.createKeys(true);
    cloud.events.length = 0;
    await register(certificate({ CertificateId: three.certificateId, Status: 'INACTIVE' }));
    expect(cloud.events).toContainEqual({ kind: 'certificate-changed', certificateId: three.certificateId });
    const failing = certificate({ CertificateId: three.certificateId }, { OverrideSettings: { Status: 'FAIL' } });
    await expect(register(failing)).rejects.toMatchObject(conflict);
  });

  test.each([
    [certificate({ CertificateId: 'a'.repeat(64) }), failed],
    [certificate({ CertificatePem: 'pem' }), failed],
    [certificate({ CertificateSigningRequest: 'bad' }), { code: 'CertificateValidationException' }],
    [{}, invalid],
  ])('refuses a certificate that it cannot take, and leaves nothing: case %#', async (resources, refusal) => {
    await expect(register(resources)).rejects.toMatchObject(refusal);
    await expect(cloud.app.things.describe('core')).rejects.toMatchObject(missing);
    expect((await cloud.app.certificates.list({ limit: 10 })).items).toEqual([]);
  });
});

describe('templates', () => {
  const templates = () => cloud.app.provisioning.templates;

  test('are created once, described, updated, listed and deleted', async () => {
    await template();
    await expect(template()).rejects.toMatchObject({ code: 'ResourceAlreadyExistsException' });
    cloud.clock.advance(1000);
    await templates().update('T', { description: 'line', enabled: false });
    expect(await templates().describe('T')).toMatchObject({
      template: { description: 'line', enabled: false, defaultVersion: 1, updatedAt: cloud.clock.now() },
      body: body(),
    });
    expect((await templates().list({ limit: 1 })).items).toHaveLength(1);
    await templates().delete('T');
    await expect(templates().describe('T')).rejects.toMatchObject(missing);
    await expect(templates().delete('T')).rejects.toMatchObject(missing);
  });

  test('have at most five versions; the default one stays, and no number is given twice', async () => {
    await template();
    for (let version = 2; version <= 5; version++) {
      expect(await templates().createVersion('T', body(), version === 5)).toEqual({
        version,
        isDefault: version === 5,
      });
    }
    await expect(templates().createVersion('T', body(), false)).rejects.toMatchObject({
      code: 'VersionsLimitExceededException',
    });
    await expect(templates().deleteVersion('T', 5)).rejects.toMatchObject({ code: 'DeleteConflictException' });
    await templates().update('T', { defaultVersion: 1 });
    await templates().deleteVersion('T', 5);
    await expect(templates().update('T', { defaultVersion: 5 })).rejects.toMatchObject(missing);
    expect(await templates().createVersion('T', body(), false)).toEqual({ version: 6, isDefault: false });
    expect((await templates().versions('T')).versions.map(({ version }) => version)).toEqual([1, 2, 3, 4, 6]);
  });

  test('with a mistake are refused when they are given', async () => {
    await expect(template('{')).rejects.toMatchObject(invalid);
    await template();
    await expect(templates().createVersion('T', '{}', true)).rejects.toMatchObject(invalid);
    expect((await templates().versions('T')).versions).toHaveLength(1);
  });
});
