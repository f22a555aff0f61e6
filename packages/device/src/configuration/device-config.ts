/** What the device is told in its config.yaml, the reference nucleus's own format. Names are the field's. */
export interface DeviceConfig {
  readonly rootPath: string;
  readonly thingName: string;
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  readonly rootCaPath: string;
  readonly region: string;
  readonly iotDataEndpoint: string;
  readonly iotCredEndpoint: string;
  readonly mqttPort: number;
  /** `https://host:port`. */
  readonly dataPlaneUrl: string;
  readonly roleAlias: string;
  readonly posixUser?: string;
  readonly posixShell: string;
  readonly mqtt: {
    readonly version: 'mqtt5' | 'mqtt3';
    readonly keepAliveMs: number;
    readonly operationTimeoutMs: number;
  };
  /** The version of aws.greengrass.Nucleus that this runtime reports. */
  readonly nucleusVersion: string;
  /** `componentStoreMaxSizeBytes`: the most bytes of artifacts, as loaded and unpacked. */
  readonly maxStoreBytes: number;
  /** Keys that are there but have no effect here, for one warning each. */
  readonly ignored: readonly string[];
}
