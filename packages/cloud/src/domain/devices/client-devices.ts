/** Where client devices reach a core device. Every member is as the owner wrote it. */
export interface ConnectivityEndpoint {
  readonly id?: string;
  readonly hostAddress?: string;
  readonly portNumber?: number;
  readonly metadata?: string;
}

/** All endpoints of one thing. */
export interface Connectivity {
  readonly thing: string;
  /** UUID, another with each change. */
  readonly version: string;
  readonly endpoints: readonly ConnectivityEndpoint[];
}

/** A thing that may discover a core device and connect to it. */
export interface ClientAssociation {
  readonly core: string;
  readonly thing: string;
  /** Epoch ms. */
  readonly associatedAt: number;
}

/** The role that the service acts with in the account; kept for who asks, as nothing is done with it here. */
export interface ServiceRole {
  readonly roleArn: string;
  /** Epoch ms. */
  readonly associatedAt: number;
}
