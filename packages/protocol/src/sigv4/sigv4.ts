// AWS Signature Version 4: sign, pre-sign and verify. Uses node:crypto; nothing else here touches the machine.
export { createSigningKeys } from './canonical.ts';
export type { ChunkSignatures } from './chunks.ts';
export { type Credentials, presign, type SignableRequest, signRequest } from './sign.ts';
export {
  claimSignature,
  parseAuthorization,
  signedService,
  type VerifiableRequest,
  verifySignature,
} from './verify.ts';
