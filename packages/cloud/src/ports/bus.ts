/** What goes along with a message; MQTT 5 shows it to its clients. */
export interface MessageProperties {
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
  /** True when the payload is declared to be UTF-8 text. */
  readonly payloadFormatIndicator?: boolean;
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
}

/** A message for MQTT clients that did not come over MQTT. */
export interface MessageToPublish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties: MessageProperties;
}

/** What happened, told after the commit. It carries ids only: who hears it reads the state itself. */
export type CloudEvent =
  /** The set of pending job executions of these things changed. */
  | { readonly kind: 'pending-changed'; readonly things: readonly string[] }
  /** A shadow was written by `origin`; `messages` are the MQTT messages that follow from it. */
  | {
      readonly kind: 'shadow-changed';
      readonly messages: readonly { readonly topic: string; readonly payload: string }[];
    }
  /** There may be work for the rollout task. */
  | { readonly kind: 'rollout' }
  /** A job has ended or was deleted: its executions are to be written so, and their things told. */
  | { readonly kind: 'job-ended' }
  /** What the queries of dynamic thing groups look at may have changed. */
  | { readonly kind: 'things-changed' }
  /** The event log grew, or a job changed. */
  | { readonly kind: 'events' }
  /** Somebody published to MQTT clients. Not state: who is not connected now, and has no session, does not get it. */
  | { readonly kind: 'message'; readonly message: MessageToPublish }
  /** A certificate was deactivated, revoked, deleted or detached from its thing. */
  | { readonly kind: 'certificate-changed'; readonly certificateId: string }
  /** What decides about certificates changed: policies, their attachments, things, groups. Absent: perhaps about all of them. */
  | { readonly kind: 'rights-changed'; readonly certificates?: readonly string[] };

/** Carries events between the parts of one process, and between replicas. Delivery is at most once: state is the truth. */
export interface Bus {
  publish(event: CloudEvent): void;
  /** Returns the function that ends the subscription. A listener that throws is logged and harms no other. */
  subscribe(listener: (event: CloudEvent) => void): () => void;
}
