/** An IoT thing. Times are epoch milliseconds. */
export interface Thing {
  readonly name: string;
  /** UUID, assigned at creation. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly typeName?: string;
  /** Starts at 1, +1 with each update. */
  readonly version: number;
  readonly createdAt: number;
}

/** A static thing group; its parent is fixed at creation. */
export interface ThingGroup {
  readonly name: string;
  readonly id: string;
  readonly description?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent?: string;
  readonly version: number;
  readonly createdAt: number;
}

/** PENDING_ACTIVATION: issued to a device that provisions itself, until it is registered. */
export type CertificateStatus = 'ACTIVE' | 'INACTIVE' | 'REVOKED' | 'PENDING_ACTIVATION';

/** A client certificate. `id` is the SHA-256 of its DER form, 64 lower-case hex digits. */
export interface Certificate {
  readonly id: string;
  readonly pem: string;
  readonly status: CertificateStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** An IoT policy; one version for now. `document` is the JSON text as it was sent. */
export interface Policy {
  readonly name: string;
  readonly document: string;
  readonly createdAt: number;
}
