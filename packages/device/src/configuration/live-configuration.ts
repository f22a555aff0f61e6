import { Fault, type JsonObject, type Log, messageOf } from '@greensward/kit';
import {
  type ConfigurationTree,
  changedPaths,
  formatSource,
  updateConfiguration,
} from '@greensward/model/configuration';
import type { DeviceStore } from '../store/device-store.ts';
import type { CloudTime } from './cloud-time.ts';

/** A leaf of a component's configuration has another value, or is gone; of an object that is gone with all in it, its own path. */
export interface ConfigurationChange {
  readonly component: string;
  /** Keys below the component's configuration, as first spelled. */
  readonly path: readonly string[];
}

/** A write by a component or a person on the device. */
export interface LocalWrite {
  readonly component: string;
  /** Container to merge at; empty for the whole configuration. */
  readonly path: readonly string[];
  readonly value: JsonObject;
  /** What the writer says the time of the value is, epoch ms; absent: now. */
  readonly timestamp?: number;
  readonly by: { readonly kind: 'ipc'; readonly component: string } | { readonly kind: 'local'; readonly by: string };
}

/** The configuration of the components that are there, read and written outside of deployments. */
export interface LiveConfiguration {
  /** Undefined when the device has no such component. */
  read(component: string): ConfigurationTree | undefined;
  /**
   * Writes all of it or nothing. The write never counts as later than the cloud's time.
   *
   * @throws Fault `ResourceNotFoundError` without the component, `FailedUpdateConditionCheckError` when a key is newer.
   */
  write(write: LocalWrite): void;
  /** Told of each changed leaf once it can be read. Returns what ends it. */
  onChange(listener: (change: ConfigurationChange) => void): () => void;
  /** A deployment or its rollback has replaced the set: tells what differs from `before`. */
  replaced(before: ReadonlyMap<string, ConfigurationTree>): void;
}

export function createLiveConfiguration(deps: {
  readonly store: Pick<DeviceStore, 'components' | 'putConfiguration'>;
  readonly cloudTime: Pick<CloudTime, 'now'>;
  readonly log: Log;
}): LiveConfiguration {
  const listeners = new Set<(change: ConfigurationChange) => void>();
  const read = (component: string) => deps.store.components().get(component)?.configuration;

  function tell(component: string, before: ConfigurationTree, after: ConfigurationTree): void {
    for (const path of changedPaths(before, after)) {
      for (const listener of [...listeners]) {
        try {
          listener({ component, path });
        } catch (error) {
          deps.log.error('a listener of the configuration failed', { component, reason: messageOf(error) });
        }
      }
    }
  }

  return {
    read,
    write({ component, path, value, timestamp, by }) {
      const before = read(component);
      if (before === undefined) throw new Fault('ResourceNotFoundError', `there is no component ${component}`);
      const now = deps.cloudTime.now();
      const at = Math.min(timestamp ?? now, now);
      const { tree, ignored } = updateConfiguration(before, path, value, at, formatSource(by));
      if (ignored.length > 0) {
        throw new Fault(
          'FailedUpdateConditionCheckError',
          `Proposed timestamp is older than the config's latest modified timestamp: ${ignored.join(', ')}`,
          { context: { pointers: ignored } },
        );
      }
      deps.store.putConfiguration(component, tree);
      tell(component, before, tree);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replaced(before) {
      for (const { name, configuration } of deps.store.components().values()) {
        const old = before.get(name);
        if (old !== undefined) tell(name, old, configuration);
      }
    },
  };
}
