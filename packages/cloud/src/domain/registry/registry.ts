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

/** A thing group; its parent is fixed at creation. */
export interface ThingGroup {
  readonly name: string;
  readonly id: string;
  readonly description?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent?: string;
  readonly version: number;
  readonly createdAt: number;
  /** Of a dynamic group, which has no parent and no children: who is in it. Absent: a static group. */
  readonly dynamic?: {
    readonly query: string;
    /** BUILDING: not all members have been found yet. */
    readonly building: boolean;
  };
}

/** PENDING_ACTIVATION: issued to a device that provisions itself, until it is registered. */
export type CertificateStatus = 'ACTIVE' | 'INACTIVE' | 'REVOKED' | 'PENDING_ACTIVATION';

/** `SNI_ONLY`: registered without a CA, or by a CA that was. */
export type CertificateMode = 'DEFAULT' | 'SNI_ONLY';

/** A client certificate. `id` is the SHA-256 of its DER form, 64 lower-case hex digits. */
export interface Certificate {
  readonly id: string;
  readonly pem: string;
  readonly status: CertificateStatus;
  /** The registered CA that it was registered under; absent for those that this service issued, or that have none. */
  readonly caId?: string;
  /** Absent: DEFAULT. */
  readonly mode?: 'SNI_ONLY';
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type CaStatus = 'ACTIVE' | 'INACTIVE';

/** A certificate authority whose client certificates may be registered. `id` as that of a certificate. */
export interface CaCertificate {
  readonly id: string;
  readonly pem: string;
  /** As node:crypto spells it; what the issuer of its certificates is compared with. */
  readonly subject: string;
  readonly status: CaStatus;
  readonly mode: CertificateMode;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** An IoT policy with its default version. `document` is the JSON text as it was sent. */
export interface Policy {
  readonly name: string;
  readonly document: string;
  /** Versions count from 1; a number is never given twice. */
  readonly defaultVersion: number;
  readonly lastVersion: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** One of the up to five documents of a policy. */
export interface PolicyVersion {
  readonly policy: string;
  readonly number: number;
  readonly document: string;
  readonly createdAt: number;
}
