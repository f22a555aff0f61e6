/** A key and the certificate for it, PEM. */
export interface KeyAndCertificate {
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  readonly certificatePem: string;
  /** SHA-256 of the DER certificate, lower-case hex. */
  readonly certificateId: string;
}

/** The service's own certificate authority. */
export interface CertificateAuthority {
  /** The root that clients trust, PEM. */
  readonly rootPem: string;
  /** A client certificate (RSA-2048, valid to the end of 2049); the private key is returned once and kept nowhere. */
  issueClient(): Promise<KeyAndCertificate>;
  /** The server certificate with these DNS names and addresses as subject alternative names. */
  serverCertificate(): Promise<{ readonly privateKeyPem: string; readonly certificateChainPem: string }>;
}
