import { createRequire } from 'node:module';
import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { cloudEnvironment, cloudNodeFlags, databaseVariable } from '../environment.ts';

const require = createRequire(import.meta.url);

/** The options of the cloud's main, which validates them; `up` has them too. */
export function addCloudOptions(command: Command): Command {
  return command
    .option('--api-port <port>', 'port of the AWS APIs', '7400')
    .option('--device-port <port>', 'port of the device HTTPS endpoint', '8443')
    .option('--mqtt-port <port>', 'port of the MQTT endpoint', '8883')
    .option(
      '--host <address>',
      'address to listen on; the API port speaks TLS when it is not a loopback address',
      '127.0.0.1',
    )
    .option('--name <host...>', 'name that devices know this machine by (repeatable)', ['localhost'])
    .option('--database <url>', 'postgres://... instead of the SQLite file in the data folder, see below')
    .option('--account <id>', 'account id in ARNs', '000000000000')
    .option('--region <region>', 'region in ARNs', 'us-east-1')
    .option('--keep-jobs <days>', 'how long deployments that were replaced are kept, with their executions: 90')
    .option('--keep-revisions <count>', 'how many revisions of a target are kept at most: 100')
    .option('--keep-events <days>', 'how long events are kept: 90')
    .option('--keep-audit <days>', 'how long it is kept who changed what: 90')
    .option('--insecure', 'plain HTTP on the API port although it listens off loopback')
    .addHelpText(
      'after',
      `
A --database URL with a password in it shows the password to every user of this machine while this
command starts: set it as ${databaseVariable} in the environment instead.`,
    );
}

/** The command line of Node with the cloud's main, and its environment. */
export interface CloudStart {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Options with one value, as the cloud's main has them too. */
const valued = [
  'api-port',
  'device-port',
  'mqtt-port',
  'host',
  'account',
  'region',
  'keep-jobs',
  'keep-revisions',
  'keep-events',
  'keep-audit',
];

/** How the options are told to the cloud's main: the URL of a database, which may hold a password, not as an argument. */
export function cloudStart(dataFolder: string, options: Readonly<Record<string, unknown>>): CloudStart {
  const args = [...cloudNodeFlags, require.resolve('@greensward/cloud/main'), '--data', dataFolder];
  for (const name of valued) {
    const value = options[name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    // One argument: a value that starts with a dash is a value all the same.
    if (typeof value === 'string') args.push(`--${name}=${value}`);
  }
  const names = options['name'];
  if (Array.isArray(names)) for (const name of names) args.push(`--name=${name}`);
  if (options['insecure'] === true) args.push('--insecure');
  if (options['json'] === true) args.push('--json');
  const database = options['database'] ?? process.env[databaseVariable];
  return { args, env: cloudEnvironment(typeof database === 'string' ? { [databaseVariable]: database } : {}) };
}

/** `sward cloud`: this process becomes the cloud. */
export function cloudCommand(): Command {
  const command = new Command('cloud')
    .description('Run the control plane alone.')
    .requiredOption('--data <folder>', 'data folder')
    .option('--json', 'say as one line of JSON when it is ready, with endpoint and ports');
  return addCloudOptions(command).action((options: Readonly<Record<string, unknown>>) => {
    const { args, env } = cloudStart(String(options['data']), options);
    becomeNode(args, env);
  });
}
