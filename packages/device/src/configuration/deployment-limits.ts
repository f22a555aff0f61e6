import type { DeploymentLimitSettings } from './device-config.ts';
import type { ConfigNode } from './device-config-tree.ts';

const daySeconds = 86_400;
const maxSeconds = 365 * daySeconds;

/** `deploymentLimits`: how long the stages of a deployment may wait. Ours; the reference waits without limit. */
export function readDeploymentLimits(configuration: ConfigNode): DeploymentLimitSettings {
  const limits = configuration.child('deploymentLimits');
  const seconds = (key: string, standard: number) => limits.integer(key, standard, 1, maxSeconds) * 1000;
  return {
    networkMs: seconds('networkSeconds', daySeconds),
    deferralMs: seconds('deferralSeconds', 30 * daySeconds),
    activationMs: seconds('activationSeconds', 4 * 3600),
    removalMs: seconds('removalSeconds', 600),
    restartMs: seconds('restartSeconds', 30),
  };
}

/** `rebootCommand`: the program and its arguments, divided by blanks; no shell reads it. */
export function readRebootCommand(configuration: ConfigNode): readonly string[] {
  return (configuration.text('rebootCommand') ?? 'systemctl reboot').trim().split(/\s+/);
}
