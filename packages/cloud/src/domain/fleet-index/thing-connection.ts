/** Whether a thing is connected over MQTT, as the fleet index has it. */
export interface ThingConnection {
  readonly thing: string;
  readonly connected: boolean;
  /** Epoch ms of the last connect or disconnect. */
  readonly changedAt: number;
  /** Why the last connection ended, by IoT's names for it; absent while connected. */
  readonly disconnectReason?: string;
}
