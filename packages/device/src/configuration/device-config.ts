/** The way to the cloud through a proxy, by CONNECT. */
export interface ProxySettings {
  /** TLS to the proxy itself. */
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Hosts that are reached directly: `name`, `.suffix`, `*.suffix`, or `*`. */
  readonly noProxy: readonly string[];
}

/** `logging`; sizes in bytes. */
export interface LogSettings {
  readonly level: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  readonly format: 'TEXT' | 'JSON';
  readonly fileBytes: number;
  readonly totalBytes: number;
}

/** `deploymentLimits`, in ms: see docs/reference/nucleus-parameters.md. */
export interface DeploymentLimitSettings {
  /** A stage that waits for the network tries this long without progress before its deployment fails. */
  readonly networkMs: number;
  readonly deferralMs: number;
  readonly activationMs: number;
  readonly removalMs: number;
  readonly restartMs: number;
}

/** Parameters of aws.greengrass.Nucleus by the names they have there. */
export interface NucleusParameters {
  readonly proxy?: ProxySettings;
  readonly httpClient: { readonly connectMs: number; readonly idleMs: number };
  /** How long new addresses of the cloud are tried before a deployment takes them over. */
  readonly trial: { readonly mqttMs: number; readonly credentialsMs: number };
  readonly logging: LogSettings;
  /** Why `logging` is not followed. */
  readonly loggingProblem?: string;
  /** Platform attributes that replace or add to those of the machine. */
  readonly platformOverride: Readonly<Record<string, string>>;
  readonly s3EndpointType: 'GLOBAL' | 'REGIONAL';
  readonly fleetStatusIntervalMs: number;
  readonly interpolateComponentConfiguration: boolean;
  readonly deploymentLimits: DeploymentLimitSettings;
  /** Program and arguments by which a component's bootstrap step reboots the device. */
  readonly rebootCommand: readonly string[];
  readonly deploymentConfigurationTimeSource: 'deploymentCreationTime' | 'deploymentProcessingTime';
}

/** What the device is told in its config.yaml, the reference nucleus's own format. Names are the field's. */
export interface DeviceConfig extends NucleusParameters {
  /** There is no cloud: none of the keys that make one is set, and those below that name one are empty. */
  readonly offline: boolean;
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
    /** TCP, TLS and CONNACK together. */
    readonly connectTimeoutMs: number;
    readonly pingTimeoutMs: number;
    readonly sessionExpirySeconds: number;
    readonly receiveMaximum: number;
    readonly minReconnectMs: number;
    readonly maxReconnectMs: number;
  };
  /** The version of aws.greengrass.Nucleus that this runtime reports. */
  readonly nucleusVersion: string;
  /** `componentStoreMaxSizeBytes`: the most bytes of artifacts, as loaded and unpacked. */
  readonly maxStoreBytes: number;
  /** Keys that are there but have no effect here, for one warning each. */
  readonly ignored: readonly string[];
}
