import type { Clock, Ids, Log } from '@greensward/kit';
import type { ArtifactUrls } from '../ports/artifact-urls.ts';
import type { Bus } from '../ports/bus.ts';
import type { CertificateAuthority } from '../ports/certificate-authority.ts';
import type { ContentStore } from '../ports/content.ts';
import type { OwnershipTokens } from '../ports/ownership-tokens.ts';
import type { SessionCredentialsPort } from '../ports/session-credentials.ts';
import type { Storage } from '../ports/storage.ts';

/** Whose resources these are: the middle of every ARN. */
export interface Account {
  /** 12 digits. */
  readonly accountId: string;
  readonly region: string;
  readonly partition: 'aws';
}

/** What the use cases are built from. */
export interface AppDeps {
  readonly storage: Storage;
  readonly content: ContentStore;
  readonly authority: CertificateAuthority;
  readonly urls: ArtifactUrls;
  readonly sessions: SessionCredentialsPort;
  readonly tokens: OwnershipTokens;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly account: Account;
}
