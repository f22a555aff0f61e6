import { stringify } from 'yaml';

/** What a device needs to know of the cloud. */
export interface DeviceEndpoints {
  readonly host: string;
  readonly mqttPort: number;
  readonly devicePort: number;
  readonly region: string;
}

/** The files of one device, absolute paths. */
export interface DeviceFiles {
  readonly root: string;
  readonly certificate: string;
  readonly privateKey: string;
  readonly rootCa: string;
}

/** The role alias that a cloud has from its first start. */
const roleAlias = 'GreengrassV2TokenExchangeRoleAlias';

/**
 * A `config.yaml` in the reference nucleus's own format, so that one file drives our device runtime or another make.
 * Endpoints are bare host names; the ports stand beside them, where that format wants them.
 */
export function deviceConfigYaml(
  thing: string,
  files: DeviceFiles,
  endpoints: DeviceEndpoints,
  nucleusVersion: string,
): string {
  return `---\n${stringify({
    system: {
      certificateFilePath: files.certificate,
      privateKeyPath: files.privateKey,
      rootCaPath: files.rootCa,
      rootpath: files.root,
      thingName: thing,
    },
    services: {
      'aws.greengrass.Nucleus': {
        componentType: 'NUCLEUS',
        version: nucleusVersion,
        configuration: {
          awsRegion: endpoints.region,
          iotRoleAlias: roleAlias,
          iotDataEndpoint: endpoints.host,
          iotCredEndpoint: `${authorityHost(endpoints.host)}:${endpoints.devicePort}`,
          greengrassDataPlaneEndpoint: endpoints.host,
          greengrassDataPlanePort: endpoints.devicePort,
          mqtt: { port: endpoints.mqttPort },
        },
      },
    },
  })}`;
}

/** RFC 3986: an IPv6 address stands in brackets where a port follows it. */
function authorityHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
