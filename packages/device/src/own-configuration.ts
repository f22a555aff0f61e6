import { Fault, type JsonObject, type Log, messageOf } from '@greensward/kit';
import { toJson } from '@greensward/model/configuration';
import { effectsOf } from './configuration/configuration-effects.ts';
import type { DeviceConfig } from './configuration/device-config.ts';
import { reasonOf } from './configuration/nucleus-parameters.ts';
import type { ComponentSet } from './store/records.ts';

/** The runtime's own configuration: config.yaml, and over it what deployments set of aws.greengrass.Nucleus. */
export interface OwnConfiguration {
  current(): DeviceConfig;
  /** What the configuration would be with these values of deployments. Faults when the runtime could not work with it. */
  check(overrides: JsonObject): DeviceConfig;
  /** Takes over what a set says, and tells what else has to happen; with `restart`, nothing is taken over yet. */
  take(set: ComponentSet): ReturnType<typeof effectsOf>;
}

/**
 * @param read config.yaml with overrides; faults name the key.
 */
export function ownConfiguration(
  component: string,
  read: (overrides: JsonObject) => DeviceConfig,
  set: ComponentSet,
  log: Log,
): OwnConfiguration {
  const overridesOf = (of: ComponentSet): JsonObject => {
    const entry = of.get(component);
    return entry === undefined ? {} : toJson(entry.configuration);
  };
  const warned = new Set<string>();
  const warn = ({ ignored, loggingProblem }: DeviceConfig) => {
    for (const key of ignored) {
      if (warned.has(key)) continue;
      warned.add(key);
      log.warn('this key of the configuration has no effect in this runtime', { key, reason: reasonOf(key) });
    }
    if (loggingProblem !== undefined) log.warn('the logging configuration is not followed', { reason: loggingProblem });
  };

  let current: DeviceConfig;
  try {
    current = read(overridesOf(set));
  } catch (error) {
    // Someone changed config.yaml so that the two do not fit. It is what a person can reach on a device without a network.
    log.error('what deployments set of the runtime is left aside', { reason: messageOf(error) });
    current = read({});
  }
  warn(current);

  return {
    current: () => current,
    check(overrides) {
      try {
        return read(overrides);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const ofUser = /runWithDefault/i.test(String(error.context['key']));
        const code = ofUser ? 'RUN_WITH_CONFIG_NOT_VALID' : 'COMPONENT_CONFIGURATION_NOT_VALID';
        throw new Fault(code, `${component}: ${error.message}`, { context: error.context });
      }
    },
    take(of) {
      const next = read(overridesOf(of));
      const effects = effectsOf(current, next);
      if (effects.restart) return effects;
      current = next;
      warn(next);
      return effects;
    },
  };
}
