import { createRequire } from 'node:module';
import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { environment } from '../environment.ts';
import { addJsonOption } from './options.ts';

const require = createRequire(import.meta.url);
const valued = [
  'devices',
  'failure-rate',
  'reject-rate',
  'timeout-rate',
  'latency',
  'offline',
  'seed',
  'runs',
] as const;

/** `sward simulate`: this process becomes the simulator, which validates its options. */
export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description(
      'Try a rollout on a virtual fleet, before using it: how long it takes, whether it aborts, whom it reaches.',
    )
    .argument('<file>', 'JSON file: a CreateDeployment request, or its iotJobConfiguration alone')
    .requiredOption('--devices <count>', 'devices of the fleet, up to 1000000')
    .option('--failure-rate <share>', 'of the devices that end FAILED, such as 5% or 0.05', '0')
    .option('--reject-rate <share>', 'of the devices that end REJECTED', '0')
    .option('--timeout-rate <share>', 'of the devices that begin and never answer', '0')
    .option('--latency <time>', 'from begin to end: one time, or the shortest and the longest', '20s..2m')
    .option(
      '--offline <share:time>',
      'share of devices that are away when told, and for how long, such as 10%:0s..8h',
      '0',
    )
    .option('--seed <number>', 'of the chances; the same seed gives the same fleet', '1')
    .option('--runs <count>', 'seeds to try, for the median and the worst', '5');
  const prints = `{"summary", "curve", "spread"}: the run of the first
seed with its times in ms, its curve as the number of devices in each state, and the median and the worst over all seeds.`;
  return addJsonOption(command, prints).action((file: string, options: Readonly<Record<string, unknown>>) => {
    const args = [require.resolve('@greensward/simulator/main'), 'forecast'];
    for (const name of valued) {
      const value = options[name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
      if (typeof value === 'string') args.push(`--${name}=${value}`);
    }
    if (options['json'] === true) args.push('--json');
    becomeNode([...args, '--', file], environment());
  });
}
