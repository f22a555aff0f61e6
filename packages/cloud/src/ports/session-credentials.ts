/** For whom credentials were made. */
export interface Session {
  readonly roleArn: string;
  /** The certificate that asked. */
  readonly certificateId: string;
  /** The thing it asked for, when it named one. */
  readonly thing?: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Makes short-lived credentials that carry all there is to know of them: nothing is stored, and nothing can be taken back. */
export interface SessionCredentialsPort {
  issue(session: Session): SessionCredentials;
  /** The session and the secret of an access key and its token; undefined for what was not issued here. Not the time: see `expiresAt`. */
  open(accessKeyId: string, sessionToken: string): { readonly session: Session; readonly secret: string } | undefined;
}
