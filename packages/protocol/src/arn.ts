// ARNs of Greengrass and IoT: builders, and parsers that answer undefined for anything else.

/** Where a resource lives. `account` is the 12-digit id. */
export interface ArnScope {
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

const greengrass = (scope: ArnScope) => `arn:${scope.partition}:greengrass:${scope.region}:${scope.account}`;
const iot = (scope: ArnScope) => `arn:${scope.partition}:iot:${scope.region}:${scope.account}`;

/** The kind of target a deployment has. */
export type TargetKind = 'thing' | 'thinggroup';

/** The partition of a region: `cn-` regions are `aws-cn`, `us-gov-` regions `aws-us-gov`, all others `aws`. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

export const componentArn = (scope: ArnScope, name: string) => `${greengrass(scope)}:components:${name}`;
export const componentVersionArn = (scope: ArnScope, name: string, version: string) =>
  `${componentArn(scope, name)}:versions:${version}`;
export const deploymentArn = (scope: ArnScope, deploymentId: string) =>
  `${greengrass(scope)}:deployments:${deploymentId}`;
export const coreDeviceArn = (scope: ArnScope, thingName: string) => `${greengrass(scope)}:coreDevices:${thingName}`;
/** The configuration a revision of a deployment makes; only inside deployment documents and device reports. */
export const configurationArn = (scope: ArnScope, kind: TargetKind, name: string, revision: string) =>
  `${greengrass(scope)}:configuration:${kind}/${name}:${revision}`;
export const thingArn = (scope: ArnScope, name: string) => `${iot(scope)}:thing/${name}`;
export const thingGroupArn = (scope: ArnScope, name: string) => `${iot(scope)}:thinggroup/${name}`;
export const jobArn = (scope: ArnScope, jobId: string) => `${iot(scope)}:job/${jobId}`;
export const caCertificateArn = (scope: ArnScope, certificateId: string) => `${iot(scope)}:cacert/${certificateId}`;
export const certificateArn = (scope: ArnScope, certificateId: string) => `${iot(scope)}:cert/${certificateId}`;
export const thingTypeArn = (scope: ArnScope, name: string) => `${iot(scope)}:thingtype/${name}`;
export const policyArn = (scope: ArnScope, name: string) => `${iot(scope)}:policy/${name}`;
export const roleAliasArn = (scope: ArnScope, name: string) => `${iot(scope)}:rolealias/${name}`;
export const provisioningTemplateArn = (scope: ArnScope, name: string) => `${iot(scope)}:provisioningtemplate/${name}`;

/** A Greengrass ARN. `account` is `aws` in the ARN of a public component. */
export type GreengrassArn = ArnScope &
  (
    | { readonly kind: 'component'; readonly name: string }
    | { readonly kind: 'component-version'; readonly name: string; readonly version: string }
    | { readonly kind: 'deployment'; readonly deploymentId: string }
    | { readonly kind: 'core-device'; readonly thingName: string }
    | {
        readonly kind: 'configuration';
        readonly target: TargetKind;
        readonly name: string;
        readonly revision: string;
      }
  );

const iotKinds = ['thing', 'thinggroup', 'thingtype', 'job', 'cert', 'policy', 'rolealias'] as const;

/** An IoT ARN. `name` is the thing, group, type or policy name, the job id or the certificate id. */
export interface IotArn extends ArnScope {
  readonly kind: (typeof iotKinds)[number];
  readonly name: string;
}

/** Undefined when `arn` is not the ARN of a component, a version, a deployment, a core device or a configuration. */
export function parseGreengrassArn(arn: string): GreengrassArn | undefined {
  const parts = arn.match(/^arn:([^:]+):greengrass:([^:]*):(aws|\d+):([^:]+):(.+)$/s);
  if (parts === null) return undefined;
  const [, partition = '', region = '', account = '', type, rest = ''] = parts;
  const scope = { partition, region, account };
  switch (type) {
    case 'components': {
      const [, name = '', version] = rest.match(/^([^:]+)(?::versions:([^:]+))?$/) ?? [];
      if (name === '') return undefined;
      return version === undefined
        ? { ...scope, kind: 'component', name }
        : { ...scope, kind: 'component-version', name, version };
    }
    case 'deployments':
      return { ...scope, kind: 'deployment', deploymentId: rest };
    case 'coreDevices':
      return { ...scope, kind: 'core-device', thingName: rest };
    case 'configuration': {
      // Greengrass: names of targets hold no colon, so the revision is what follows the last one.
      const found = rest.match(/^(thing|thinggroup)\/(.+):([^:]+)$/s);
      if (found === null) return undefined;
      const target = found[1] === 'thing' ? 'thing' : 'thinggroup';
      return { ...scope, kind: 'configuration', target, name: found[2] ?? '', revision: found[3] ?? '' };
    }
    default:
      return undefined;
  }
}

/** Undefined when `arn` is not the ARN of a thing, thing group, thing type, job, certificate, policy or role alias. */
export function parseIotArn(arn: string): IotArn | undefined {
  const parts = arn.match(/^arn:([^:]+):iot:([^:]*):(\d+):(\w+)\/(.+)$/s);
  if (parts === null) return undefined;
  const [, partition = '', region = '', account = '', type, name = ''] = parts;
  const kind = iotKinds.find((item) => item === type);
  return kind === undefined ? undefined : { partition, region, account, kind, name };
}
