import {
  AttachThingPrincipalCommand,
  CreatePolicyCommand,
  CreateProvisioningClaimCommand,
  CreateProvisioningTemplateCommand,
  type CreateProvisioningTemplateCommandInput,
  CreateProvisioningTemplateVersionCommand,
  DeleteProvisioningTemplateCommand,
  DeleteProvisioningTemplateVersionCommand,
  DescribeCertificateCommand,
  DescribeProvisioningTemplateCommand,
  DescribeProvisioningTemplateVersionCommand,
  DescribeThingCommand,
  ListThingPrincipalsCommand,
  paginateListProvisioningTemplates,
  paginateListProvisioningTemplateVersions,
  RegisterThingCommand,
  UpdateProvisioningTemplateCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
});

afterAll(() => under.stop());

const provisioningRoleArn = 'arn:aws:iam::000000000000:role/FleetProvisioning';
const resources = {
  thing: {
    Type: 'AWS::IoT::Thing',
    Properties: { ThingName: { 'Fn::Join': ['-', ['pump', { Ref: 'SerialNumber' }]] } },
  },
  certificate: {
    Type: 'AWS::IoT::Certificate',
    Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
  },
};
const templateBody = JSON.stringify({ Parameters: { SerialNumber: { Type: 'String' } }, Resources: resources });
const create = (templateName: string, more: Partial<CreateProvisioningTemplateCommandInput> = {}) =>
  under.iot.send(new CreateProvisioningTemplateCommand({ templateName, templateBody, provisioningRoleArn, ...more }));
const describe = (templateName: string) => under.iot.send(new DescribeProvisioningTemplateCommand({ templateName }));

test('a template is created, described, updated and deleted', async () => {
  const created = await create('Life', { description: 'pumps', tags: [{ Key: 'a', Value: 'b' }] });
  const templateArn = 'arn:aws:iot:us-east-1:000000000000:provisioningtemplate/Life';
  expect(created).toMatchObject({ templateArn, templateName: 'Life', defaultVersionId: 1 });
  expect(await describe('Life')).toMatchObject({
    templateArn,
    description: 'pumps',
    enabled: false,
    defaultVersionId: 1,
    templateBody,
    provisioningRoleArn,
    type: 'FLEET_PROVISIONING',
    creationDate: expect.any(Date),
    lastModifiedDate: expect.any(Date),
  });
  await under.iot.send(
    new UpdateProvisioningTemplateCommand({ templateName: 'Life', enabled: true, removePreProvisioningHook: true }),
  );
  expect(await describe('Life')).toMatchObject({ enabled: true, description: 'pumps' });
  expect(await refusalOf(create('Life'))).toMatchObject({
    name: 'ResourceAlreadyExistsException',
    status: 409,
    error: { resourceId: 'Life', resourceArn: templateArn },
  });
  await under.iot.send(new DeleteProvisioningTemplateCommand({ templateName: 'Life' }));
  expect(await refusalOf(describe('Life'))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
});

test('a template has versions, of which one is the default', async () => {
  await create('Versions');
  const add = (setAsDefault: boolean) =>
    under.iot.send(
      new CreateProvisioningTemplateVersionCommand({ templateName: 'Versions', templateBody, setAsDefault }),
    );
  expect(await add(false)).toMatchObject({ versionId: 2, isDefaultVersion: false });
  expect(await add(true)).toMatchObject({ versionId: 3, isDefaultVersion: true });
  await add(false);
  await add(false);
  expect(await refusalOf(add(false))).toMatchObject({ name: 'VersionsLimitExceededException', status: 409 });
  const remove = (versionId: number) =>
    under.iot.send(new DeleteProvisioningTemplateVersionCommand({ templateName: 'Versions', versionId }));
  expect(await refusalOf(remove(3))).toMatchObject({ name: 'DeleteConflictException', status: 409 });
  await remove(1);
  const one = new DescribeProvisioningTemplateVersionCommand({ templateName: 'Versions', versionId: 3 });
  expect(await under.iot.send(one)).toMatchObject({ versionId: 3, isDefaultVersion: true, templateBody });
  const gone = new DescribeProvisioningTemplateVersionCommand({ templateName: 'Versions', versionId: 1 });
  expect(await refusalOf(under.iot.send(gone))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  const versions: (number | undefined)[] = [];
  const pages = paginateListProvisioningTemplateVersions(
    { client: under.iot, pageSize: 3 },
    { templateName: 'Versions' },
  );
  for await (const page of pages) versions.push(...(page.versions ?? []).map(({ versionId }) => versionId));
  expect(versions).toEqual([2, 3, 4, 5]);
});

test('templates are listed page by page', async () => {
  for (const name of ['List-a', 'List-b', 'List-c']) await create(name);
  const names: (string | undefined)[] = [];
  for await (const page of paginateListProvisioningTemplates({ client: under.iot, pageSize: 2 }, {})) {
    names.push(...(page.templates ?? []).map(({ templateName }) => templateName));
  }
  expect(names.filter((name) => name?.startsWith('List-'))).toEqual(['List-a', 'List-b', 'List-c']);
});

test.each([
  ['a name that is none', { templateName: 'a b' }, 'templateName'],
  ['a body that is no JSON', { templateBody: '{' }, 'not JSON'],
  ['a body that is too long', { templateBody: 'x'.repeat(10_241) }, 'templateBody'],
  ['a body with a mistake', { templateBody: templateBody.replace('Fn::Join', 'Fn::Jion') }, 'Fn::Jion'],
  ['a role that is none', { provisioningRoleArn: 'arn:aws:iam::000000000000:user/x' }, 'provisioningRoleArn'],
  ['a hook', { preProvisioningHook: { targetArn: 'arn:aws:lambda:us-east-1:000000000000:function:f' } }, 'Hook'],
  ['just-in-time provisioning', { type: 'JITP' }, 'type'],
] as const)('a template with %s is refused, and told why', async (_, more, words) => {
  const refusal = await refusalOf(create('Bad', more));
  expect(refusal).toMatchObject({ name: 'InvalidRequestException', status: 400 });
  expect(refusal.message).toContain(words);
});

test('a claim has a certificate for five minutes', async () => {
  await create('Claimed');
  const claim = await under.iot.send(new CreateProvisioningClaimCommand({ templateName: 'Claimed' }));
  expect(claim.keyPair?.PrivateKey).toContain('PRIVATE KEY');
  const minutes = ((claim.expiration?.getTime() ?? 0) - Date.now()) / 60_000;
  expect(minutes).toBeGreaterThan(4);
  expect(minutes).toBeLessThanOrEqual(5);
  const { certificateId } = claim;
  const { certificateDescription } = await under.iot.send(new DescribeCertificateCommand({ certificateId }));
  expect(certificateDescription).toMatchObject({ status: 'ACTIVE', validity: { notAfter: claim.expiration } });
  const unknown = under.iot.send(new CreateProvisioningClaimCommand({ templateName: 'Nobody' }));
  expect(await refusalOf(unknown)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
});

test('RegisterThing makes a thing with a certificate and a policy, or nothing', async () => {
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] };
  await under.iot.send(new CreatePolicyCommand({ policyName: 'Pump', policyDocument: JSON.stringify(document) }));
  const { certificateId } = await under.iot.send(
    new CreateProvisioningClaimCommand({ templateName: (await create('Source')).templateName }),
  );
  const register = (policy: string, parameters: Record<string, string>) =>
    under.iot.send(
      new RegisterThingCommand({
        templateBody: JSON.stringify({
          Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
          Resources: { ...resources, policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: policy } } },
        }),
        parameters,
      }),
    );
  const parameters = { SerialNumber: '7', 'AWS::IoT::Certificate::Id': certificateId ?? '' };
  expect(await refusalOf(register('Pump', { SerialNumber: '7' }))).toMatchObject({
    name: 'InvalidRequestException',
    status: 400,
  });
  expect(await refusalOf(register('Nobody', parameters))).toMatchObject({
    name: 'ResourceRegistrationFailureException',
    status: 400,
  });
  const describeThing = () => under.iot.send(new DescribeThingCommand({ thingName: 'pump-7' }));
  expect(await refusalOf(describeThing())).toMatchObject({ name: 'ResourceNotFoundException' });
  const done = await register('Pump', parameters);
  const arn = `arn:aws:iot:us-east-1:000000000000:cert/${certificateId}`;
  expect(done.resourceArns).toEqual({
    thing: 'arn:aws:iot:us-east-1:000000000000:thing/pump-7',
    certificate: arn,
    policy: 'arn:aws:iot:us-east-1:000000000000:policy/Pump',
  });
  expect(done.certificatePem).toContain('BEGIN CERTIFICATE');
  expect(await describeThing()).toMatchObject({ thingName: 'pump-7' });
  const { principals } = await under.iot.send(new ListThingPrincipalsCommand({ thingName: 'pump-7' }));
  expect(principals).toEqual([arn]);
  await under.iot.send(new AttachThingPrincipalCommand({ thingName: 'pump-7', principal: arn }));
});
