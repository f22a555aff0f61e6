/** A fleet provisioning template. Times are epoch milliseconds. */
export interface ProvisioningTemplate {
  readonly name: string;
  readonly description?: string;
  readonly enabled: boolean;
  /** Kept as it was given: nothing here acts under a role. */
  readonly roleArn: string;
  readonly defaultVersion: number;
  /** The highest version ever made: a number is not given twice. */
  readonly lastVersion: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ProvisioningTemplateVersion {
  readonly template: string;
  readonly version: number;
  /** JSON text, as it was sent. */
  readonly body: string;
  readonly createdAt: number;
}

/** A certificate made for one use: to provision by one template until it expires. */
export interface ProvisioningClaim {
  readonly certificateId: string;
  readonly template: string;
  readonly expiresAt: number;
}
