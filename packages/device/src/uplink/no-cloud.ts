import { Fault, type Timers } from '@greensward/kit';
import type { DeviceConfig } from '../configuration/device-config.ts';
import { createArtifactTransfer } from './artifact-transfer.ts';
import type { CredentialProviderAnswer } from './credential-provider.ts';
import type { DataPlane } from './data-plane.ts';
import type { Uplink } from './uplink.ts';

/** What stands for the cloud on a device that has none: nothing is ever connected, and what only a cloud knows is not there. */
export interface NoCloud {
  readonly dataPlane: DataPlane;
  readonly uplink: Uplink;
  readonly askCredentials: () => Promise<CredentialProviderAnswer>;
}

/** `settings`: for artifacts with an address of their own (`https:`), which need no cloud. */
export function createNoCloud(timers: Timers, settings: () => Pick<DeviceConfig, 'httpClient' | 'proxy'>): NoCloud {
  const none = async () => {
    // As without a network: who can do without an answer does.
    throw new Fault('NETWORK_ERROR', 'this device has no cloud', { retryable: true });
  };
  const unsubscribe = () => true;
  return {
    dataPlane: {
      ...createArtifactTransfer('', timers, { proxy: settings().proxy, limits: () => settings().httpClient }),
      thingGroups: none,
      resolve: none,
      artifactUrl: none,
    },
    uplink: {
      start: () => {},
      stop: async () => {},
      reconnect: () => {},
      connected: () => false,
      onConnection: () => unsubscribe,
      onArrival: () => unsubscribe,
      report: none,
      publishFleetStatus: none,
    },
    askCredentials: async () => ({ status: 404, message: 'this device has no cloud' }),
  };
}
