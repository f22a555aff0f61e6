/** What a device shows when it registers a certificate that was issued to it: nobody else is given it. */
export interface OwnershipTokens {
  /** A token for one certificate, of use within the hour, on connections of the certificate `claimId` only. */
  issue(certificateId: string, claimId: string): string;
  /** The certificate that the token is for; undefined when it is forged, expired or another claim's. */
  certificateOf(token: string, claimId: string): string | undefined;
}
