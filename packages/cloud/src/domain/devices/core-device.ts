/** A core device: exists from its first fleet status on. Times are epoch ms. */
export interface CoreDevice {
  readonly thing: string;
  readonly coreVersion: string;
  readonly platform: string;
  readonly architecture: string;
  readonly runtime?: string;
  readonly status: 'HEALTHY' | 'UNHEALTHY';
  readonly statusUpdatedAt: number;
  /** The last `sequenceNumber` applied. */
  readonly sequence: number;
}

/** A component on a core device, as last reported. */
export interface InstalledComponent {
  readonly thing: string;
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly statusCodes: readonly string[];
  readonly statusReason?: string;
  readonly isRoot: boolean;
  /** Configuration ARNs (or local deployment ids) that brought it. */
  readonly sources: readonly string[];
  /** Deployment id, or `LOCAL`. */
  readonly installationSource?: string;
  readonly changedAt: number;
  readonly reportedAt: number;
}
