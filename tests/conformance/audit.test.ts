import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { iot } from '@greensward/protocol/iot';
import { iotData } from '@greensward/protocol/iot-data';
import { iotJobsData } from '@greensward/protocol/iot-jobs-data';
import { buildRequest, type Operation } from '@greensward/protocol/walker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificateRequest, p256 } from '../../packages/cloud/src/adapters/testing/certificate-request.ts';
import { makeCertificate } from '../../packages/cloud/src/adapters/testing/certificates.ts';
import { type ConformanceCloud, startConformanceCloud } from './conformance-cloud.ts';
import { certifiedDevice, firstFleetStatus } from './device-by-certificate.ts';

// Every operation that may change something is called once, and is then in the audit with what it was done to; nothing secret is.

let under: ConformanceCloud;
beforeAll(async () => {
  under = await startConformanceCloud();
});
afterAll(() => under.stop());

const services = [
  { scope: 'greengrass', ...greengrassv2 },
  { scope: 'iot', ...iot },
  { scope: 'iotdata', ...iotData },
  { scope: 'iot-jobs-data', ...iotJobsData },
];
type AnyOperation = Operation<object | undefined, object | undefined>;
const operations = new Map<string, { readonly scope: string; readonly operation: AnyOperation }>();
for (const { scope, operations: all } of services) {
  for (const operation of Object.values(all)) {
    operations.set(`${operation.service}:${operation.name}`, { scope, operation });
  }
}

/**
 * Asked with another method than GET, and changing nothing; a message that is passed on is not kept either. DeleteThingType is
 * refused until five minutes after the type was deprecated.
 */
const notRecorded = [
  'greengrassv2:ResolveComponentCandidates',
  'iot:DeleteThingType',
  'iot:GetEffectivePolicies',
  'iot:ListAttachedPolicies',
  'iot:ListTargetsForPolicy',
  'iot:SearchIndex',
  'iot-data:Publish',
];

interface AuditEntry {
  readonly operation: string;
  readonly target: string;
}

async function newest(): Promise<AuditEntry | undefined> {
  const { json } = await under.raw({
    method: 'GET',
    path: '/greensward/v1/audit',
    query: 'maxResults=1',
    service: 'greensward',
  });
  const { entries = [] }: { entries?: readonly AuditEntry[] } = json;
  return entries[0];
}

const secret = 'a-secret-that-is-in-a-request';
const called = new Set<string>();
const answered: string[] = [];

/** Succeeds, and is recorded as done to what has this in its name. Returns the answer. */
async function changes(name: string, input: object, target: string): Promise<Readonly<Record<string, unknown>>> {
  const known = operations.get(name);
  if (known === undefined) throw new Error(`no operation ${name}`);
  const { method, path, query, body, headers } = buildRequest(known.operation, input);
  const answer = await under.raw({ method, path, query, headers, body, service: known.scope });
  expect(answer.status, `${name}: ${answer.text}`).toBeLessThan(300);
  called.add(name);
  answered.push(answer.text);
  const entry = await newest();
  expect(entry?.operation, name).toBe(name);
  expect(entry?.target, name).toContain(target);
  return answer.json;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const arn = (rest: string) => `arn:aws:iot:us-east-1:000000000000:${rest}`;

test('every operation that changes something is recorded with what it was done to, and nothing secret is', async () => {
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: secret.replaceAll('-', ''), Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
  });
  const gg = (name: string, input: object, target: string) => changes(`greengrassv2:${name}`, input, target);
  const core = (name: string, input: object, target: string) => changes(`iot:${name}`, input, target);

  await core('CreateThingType', { thingTypeName: 'pump' }, '/thing-types/pump');
  await core('CreateThing', { thingName: 'a', attributePayload: { attributes: { note: secret } } }, 'thingName=a');
  await core('UpdateThing', { thingName: 'a', attributePayload: { attributes: { note: 'x' } } }, 'thingName=a');
  await core('CreateThingGroup', { thingGroupName: 'g' }, 'thingGroupName=g');
  await core('CreateThingGroup', { thingGroupName: 'h' }, 'thingGroupName=h');
  await core('UpdateThingGroup', { thingGroupName: 'g', thingGroupProperties: {} }, 'thingGroupName=g');
  await core('AddThingToThingGroup', { thingGroupName: 'g', thingName: 'a' }, 'thingName=a');
  await core('UpdateThingGroupsForThing', { thingName: 'a', thingGroupsToAdd: ['h'] }, 'thingName=a');
  await core('RemoveThingFromThingGroup', { thingGroupName: 'h', thingName: 'a' }, 'thingGroupName=h');
  await core(
    'UpdateIndexingConfiguration',
    { thingIndexingConfiguration: { thingIndexingMode: 'REGISTRY' } },
    '/indexing',
  );
  await core('CreateDynamicThingGroup', { thingGroupName: 'd', queryString: 'thingName:z*' }, 'thingGroupName=d');
  await core('UpdateDynamicThingGroup', { thingGroupName: 'd', thingGroupProperties: {} }, 'thingGroupName=d');
  await core('DeleteDynamicThingGroup', { thingGroupName: 'd' }, 'thingGroupName=d');
  await core('TagResource', { resourceArn: arn('thinggroup/g'), tags: [{ Key: 'k', Value: secret }] }, 'thinggroup/g');
  await core('UntagResource', { resourceArn: arn('thinggroup/g'), tagKeys: ['k'] }, 'thinggroup/g');

  const made = await core('CreateKeysAndCertificate', { setAsActive: true }, '');
  const [principal, certificateId] = [text(made['certificateArn']), text(made['certificateId'])];
  const csr = await certificateRequest('CN=x', p256);
  await core('CreateCertificateFromCsr', { certificateSigningRequest: csr.pem }, '');
  await core('CreatePolicy', { policyName: 'p', policyDocument: document }, 'policyName=p');
  const version = await core('CreatePolicyVersion', { policyName: 'p', policyDocument: document }, 'policyName=p');
  const policyVersionId = text(version['policyVersionId']);
  await core('SetDefaultPolicyVersion', { policyName: 'p', policyVersionId }, 'policyName=p');
  await core('DeletePolicyVersion', { policyName: 'p', policyVersionId: '1' }, 'policyName=p');
  await core('AttachPolicy', { policyName: 'p', target: principal }, principal);
  await core('DetachPolicy', { policyName: 'p', target: principal }, principal);
  await core('AttachPrincipalPolicy', { policyName: 'p', principal }, 'policyName=p');
  await core('DetachPrincipalPolicy', { policyName: 'p', principal }, 'policyName=p');
  await core('AttachThingPrincipal', { thingName: 'a', principal }, 'thingName=a');
  await core('DetachThingPrincipal', { thingName: 'a', principal }, 'thingName=a');
  await core('UpdateCertificate', { certificateId, newStatus: 'INACTIVE' }, certificateId);
  await core('DeleteCertificate', { certificateId }, certificateId);

  const ca = await makeCertificate('CN=ca', { authority: true });
  const device = await makeCertificate('CN=device', { issuer: ca });
  const alone = await makeCertificate('CN=alone');
  await core('RegisterCACertificate', { caCertificate: ca.pem, certificateMode: 'SNI_ONLY', setAsActive: true }, '');
  await core('RegisterCertificate', { certificatePem: device.pem, caCertificatePem: ca.pem }, '');
  await core('RegisterCertificateWithoutCA', { certificatePem: alone.pem }, '');
  await core('UpdateCACertificate', { certificateId: ca.id, newStatus: 'INACTIVE' }, ca.id);
  await core('DeleteCACertificate', { certificateId: ca.id }, ca.id);

  const roleArn = 'arn:aws:iam::000000000000:role/R';
  await core('CreateRoleAlias', { roleAlias: 'r', roleArn }, 'roleAlias=r');
  await core('UpdateRoleAlias', { roleAlias: 'r', credentialDurationSeconds: 1000 }, 'roleAlias=r');
  await core('DeleteRoleAlias', { roleAlias: 'r' }, 'roleAlias=r');

  const resources = {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'Name' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
  };
  const templateBody = JSON.stringify({ Parameters: { Name: { Type: 'String' } }, Resources: resources });
  const template = { templateName: 't', templateBody, provisioningRoleArn: roleArn };
  await core('CreateProvisioningTemplate', template, 'templateName=t');
  await core('UpdateProvisioningTemplate', { templateName: 't', enabled: true }, 'templateName=t');
  await core('CreateProvisioningTemplateVersion', { templateName: 't', templateBody }, 'templateName=t');
  await core('DeleteProvisioningTemplateVersion', { templateName: 't', versionId: 2 }, 'templateName=t');
  const claim = await core('CreateProvisioningClaim', { templateName: 't' }, 'templateName=t');
  const parameters = { Name: 'registered', 'AWS::IoT::Certificate::Id': text(claim['certificateId']) };
  const registration = JSON.stringify({
    Parameters: { Name: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
    Resources: resources,
  });
  await core('RegisterThing', { templateBody: registration, parameters }, '/things');
  await core('DeleteProvisioningTemplate', { templateName: 't' }, 'templateName=t');
  await core('DeprecateThingType', { thingTypeName: 'pump', undoDeprecate: false }, '/thing-types/pump');

  // What devices themselves do is not in the audit: the newest entry stays the one before.
  const connection = await (await certifiedDevice(under, 'core')).connect();
  const before = await newest();
  await connection.publishAsync('$aws/things/core/greengrassv2/health/json', firstFleetStatus('core'), { qos: 1 });
  await connection.endAsync();
  expect(await newest()).toEqual(before);
  const entries = [{ thingName: 'a' }];
  await gg('BatchAssociateClientDeviceWithCoreDevice', { coreDeviceThingName: 'core', entries }, 'core');
  await gg('BatchDisassociateClientDeviceFromCoreDevice', { coreDeviceThingName: 'core', entries }, 'core');
  await gg('DeleteCoreDevice', { coreDeviceThingName: 'core' }, 'coreDeviceThingName=core');

  const recipe = {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: 'com.example.C',
    ComponentVersion: '1.0.0',
    ComponentDescription: secret,
    Manifests: [{ Lifecycle: { Run: 'true' } }],
  };
  const component = await gg(
    'CreateComponentVersion',
    { inlineRecipe: Buffer.from(JSON.stringify(recipe)) },
    '/greengrass',
  );
  const componentArn = text(component['arn']);
  await gg('TagResource', { resourceArn: componentArn, tags: { k: secret } }, componentArn);
  await gg('UntagResource', { resourceArn: componentArn, tagKeys: ['k'] }, componentArn);
  await gg('UpdateConnectivityInfo', { thingName: 'a', connectivityInfo: [] }, 'thingName=a');
  await gg('AssociateServiceRoleToAccount', { roleArn }, '/greengrass/servicerole');
  await gg('DisassociateServiceRoleFromAccount', {}, '/greengrass/servicerole');
  const targetArn = arn('thinggroup/g');
  const components = {
    'com.example.C': {
      componentVersion: '1.0.0',
      configurationUpdate: { merge: JSON.stringify({ password: secret }) },
    },
  };
  const deploy = () => gg('CreateDeployment', { targetArn, components }, targetArn);
  const first = await deploy();
  const start = { thingName: 'a', statusDetails: { note: secret } };
  await changes('iot-jobs-data:StartNextPendingJobExecution', start, 'thingName=a');
  const jobId = text(first['iotJobId']);
  await changes('iot-jobs-data:UpdateJobExecution', { thingName: 'a', jobId, status: 'SUCCEEDED' }, jobId);
  const second = await deploy();
  await core('CancelJobExecution', { jobId: text(second['iotJobId']), thingName: 'a' }, 'thingName=a');
  await core(
    'DeleteJobExecution',
    { jobId: text(second['iotJobId']), thingName: 'a', executionNumber: 1 },
    'thingName=a',
  );
  await core('CancelJob', { jobId: text(second['iotJobId']), comment: secret }, text(second['iotJobId']));
  await core('DeleteJob', { jobId: text(second['iotJobId']) }, text(second['iotJobId']));
  const third = await deploy();
  await gg('CancelDeployment', { deploymentId: third['deploymentId'] }, text(third['deploymentId']));
  await gg('DeleteDeployment', { deploymentId: third['deploymentId'] }, text(third['deploymentId']));
  const payload = Buffer.from(JSON.stringify({ state: { desired: { password: secret } } }));
  await changes('iot-data:UpdateThingShadow', { thingName: 'a', shadowName: 's', payload }, 'thingName=a');
  await changes('iot-data:DeleteThingShadow', { thingName: 'a', shadowName: 's' }, 'shadowName=s');
  await gg('DeleteComponent', { arn: componentArn }, componentArn);
  await core('DeletePolicy', { policyName: 'p' }, 'policyName=p');
  await core('DeleteThingGroup', { thingGroupName: 'g' }, 'thingGroupName=g');
  await core('DeleteThing', { thingName: 'a' }, 'thingName=a');

  const mayChange = [...operations].filter(([, { operation }]) => operation.method !== 'GET').map(([name]) => name);
  expect(mayChange.filter((name) => !called.has(name)).sort()).toEqual([...notRecorded].sort());

  const whole = await under.raw({
    method: 'GET',
    path: '/greensward/v1/audit',
    query: 'maxResults=250',
    service: 'greensward',
  });
  for (const word of [secret, 'PRIVATE KEY', 'BEGIN CERTIFICATE', 'registered']) expect(whole.text).not.toContain(word);
  expect(answered.join('')).toContain('PRIVATE KEY');
});
