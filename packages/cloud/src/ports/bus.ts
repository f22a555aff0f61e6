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
  /** A certificate was deactivated, revoked, deleted or detached from its thing. */
  | { readonly kind: 'certificate-changed'; readonly certificateId: string };

/** Carries events between the parts of one process, and between replicas. Delivery is at most once: state is the truth. */
export interface Bus {
  publish(event: CloudEvent): void;
  /** Returns the function that ends the subscription. A listener that throws is logged and harms no other. */
  subscribe(listener: (event: CloudEvent) => void): () => void;
}
