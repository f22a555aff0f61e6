import {
  type ArnScope,
  caCertificateArn,
  certificateArn,
  componentVersionArn,
  configurationArn,
  coreDeviceArn,
  deploymentArn,
  type GreengrassArn,
  type IotArn,
  jobArn,
  parseGreengrassArn,
  parseIotArn,
  policyArn,
  provisioningTemplateArn,
  roleAliasArn,
  type TargetKind,
  thingArn,
  thingGroupArn,
  thingTypeArn,
} from '@greensward/protocol/arn';
import type { DeploymentTarget } from '../domain/deployment/deployment.ts';
import type { Account } from './context.ts';

/** Names to ARNs of one account, and back: a parser answers undefined for the ARN of another account or region. */
export interface Arns {
  thing(name: string): string;
  group(name: string): string;
  thingType(name: string): string;
  caCertificate(id: string): string;
  certificate(id: string): string;
  policy(name: string): string;
  roleAlias(name: string): string;
  provisioningTemplate(name: string): string;
  job(id: string): string;
  componentVersion(name: string, version: string): string;
  deployment(id: string): string;
  coreDevice(thing: string): string;
  configuration(kind: TargetKind, name: string, revision: number): string;
  target(arn: string): DeploymentTarget | undefined;
  certificateId(arn: string): string | undefined;
  greengrass(arn: string): GreengrassArn | undefined;
  iot(arn: string): IotArn | undefined;
}

export function createArns(account: Account): Arns {
  const scope: ArnScope = { partition: account.partition, region: account.region, account: account.accountId };
  const ours = (arn: ArnScope) =>
    arn.partition === scope.partition && arn.region === scope.region && arn.account === scope.account;
  return {
    thing: (name) => thingArn(scope, name),
    group: (name) => thingGroupArn(scope, name),
    thingType: (name) => thingTypeArn(scope, name),
    caCertificate: (id) => caCertificateArn(scope, id),
    certificate: (id) => certificateArn(scope, id),
    policy: (name) => policyArn(scope, name),
    roleAlias: (name) => roleAliasArn(scope, name),
    provisioningTemplate: (name) => provisioningTemplateArn(scope, name),
    job: (id) => jobArn(scope, id),
    componentVersion: (name, version) => componentVersionArn(scope, name, version),
    deployment: (id) => deploymentArn(scope, id),
    coreDevice: (thing) => coreDeviceArn(scope, thing),
    configuration: (kind, name, revision) => configurationArn(scope, kind, name, String(revision)),
    target(arn) {
      const parsed = parseIotArn(arn);
      if (parsed === undefined || !ours(parsed)) return undefined;
      return parsed.kind === 'thing' || parsed.kind === 'thinggroup'
        ? { kind: parsed.kind, name: parsed.name }
        : undefined;
    },
    certificateId(arn) {
      const parsed = parseIotArn(arn);
      return parsed?.kind === 'cert' && ours(parsed) && /^[0-9a-f]{64}$/.test(parsed.name) ? parsed.name : undefined;
    },
    iot(arn) {
      const parsed = parseIotArn(arn);
      return parsed !== undefined && ours(parsed) ? parsed : undefined;
    },
    greengrass(arn) {
      const parsed = parseGreengrassArn(arn);
      return parsed !== undefined && ours(parsed) ? parsed : undefined;
    },
  };
}
