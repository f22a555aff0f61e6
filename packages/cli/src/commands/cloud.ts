import { createRequire } from 'node:module';
import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';

const require = createRequire(import.meta.url);

/** The options of the cloud's main, which validates them; `up` has them too. */
export function addCloudOptions(command: Command): Command {
  return command
    .option('--api-port <port>', 'port of the AWS APIs', '7400')
    .option('--device-port <port>', 'port of the device HTTPS endpoint', '8443')
    .option('--mqtt-port <port>', 'port of the MQTT endpoint', '8883')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--name <host...>', 'name that devices know this machine by (repeatable)', ['localhost'])
    .option('--database <url>', 'postgres://... instead of the SQLite file in the data folder')
    .option('--account <id>', 'account id in ARNs', '000000000000')
    .option('--region <region>', 'region in ARNs', 'us-east-1')
    .option('--insecure', 'plain HTTP on the API port although it listens off loopback');
}

/** The options as the arguments of the cloud's main. */
export function cloudArguments(dataFolder: string, options: Readonly<Record<string, unknown>>): string[] {
  const args = ['--data', dataFolder];
  for (const name of ['api-port', 'device-port', 'mqtt-port', 'host', 'database', 'account', 'region']) {
    const value = options[name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === 'string') args.push(`--${name}`, value);
  }
  const names = options['name'];
  if (Array.isArray(names)) for (const name of names) args.push('--name', String(name));
  if (options['insecure'] === true) args.push('--insecure');
  return args;
}

/** The file that Node runs as the cloud. */
export function cloudMain(): string {
  return require.resolve('@greensward/cloud/main');
}

/** `sward cloud`: this process becomes the cloud. */
export function cloudCommand(): Command {
  const command = new Command('cloud')
    .description('Run the control plane alone.')
    .requiredOption('--data <folder>', 'data folder');
  return addCloudOptions(command).action((options: Readonly<Record<string, unknown>>) => {
    const args = [cloudMain(), ...cloudArguments(String(options['data']), options)];
    becomeNode(args);
  });
}
