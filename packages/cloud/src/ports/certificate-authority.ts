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
  /**
   * A client certificate (RSA-2048, valid to `notAfter` in epoch ms, default the end of 2049); the private key is returned
   * once and kept nowhere.
   */
  issueClient(options?: { readonly notAfter?: number }): Promise<KeyAndCertificate>;
  /**
   * A client certificate for the key, and with the subject, of a PKCS #10 request (PEM), valid to the end of 2049. Throws
   * Fault `CertificateValidationException` for a request that is malformed, not signed by its own key with SHA-2, or of a key
   * that is neither RSA of 2048 to 4096 bits nor on P-256, P-384 or P-521.
   */
  issueForCsr(csrPem: string): Promise<Pick<KeyAndCertificate, 'certificatePem' | 'certificateId'>>;
  /** The server certificate with these DNS names and addresses as subject alternative names. */
  serverCertificate(): Promise<{ readonly privateKeyPem: string; readonly certificateChainPem: string }>;
}
