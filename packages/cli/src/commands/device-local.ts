import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@greensward/kit';
import { type ComponentDetails, cliOperations, type LocalDeployment } from '@greensward/protocol/ipc';
import { type Command, Command as NewCommand, Option } from 'commander';
import { type DeploymentOptions, deploymentRequest } from '../device-client/deployment-options.ts';
import { type DeviceClient, withDevice } from '../device-client/device-client.ts';
import { LogTail } from '../device-client/follow-log.ts';
import { addJsonOption } from './options.ts';

interface Common {
  readonly root?: string;
  readonly json?: true;
}

/** What a person asks of the device beside them, as with the Greengrass CLI: it needs no cloud. */
export function localCommands(): readonly Command[] {
  return [
    deployCommand(),
    statusCommand(),
    cancelCommand(),
    componentsCommand(),
    requestCommand('restart', 'Restart components of the device.'),
    requestCommand('stop', 'Stop components of the device, until they are restarted or deployed anew.'),
    logsCommand(),
  ];
}

function command(name: string, description: string): Command {
  return new NewCommand(name)
    .description(`${description} Of the device of --root (default: this folder), which must be running.`)
    .addHelpText('after', '\n--root <folder> is the root folder of the device.');
}

/** `--root` belongs to `sward device`, wherever on the line it is. */
function rootOf(own: Command): string {
  const { root = '.' }: Common = own.optsWithGlobals();
  return root;
}

const collect = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

function deployCommand(): Command {
  const made = command('deploy', 'Make a deployment on the device itself.')
    .option('--recipe-dir <folder>', 'folder of recipes, *.json and *.yaml')
    .option('--artifact-dir <folder>', 'folder of artifacts, COMPONENT/VERSION/FILE')
    .option('--merge <component=version>', 'add a root component, or change its version; may be repeated', collect)
    .option('--remove <component>', 'remove a root component; may be repeated', collect)
    .option('--update-config <json>', 'JSON or a file with it: {"COMPONENT": {"MERGE": {...}, "RESET": ["/pointer"]}}')
    .option('--run-with <component:posixUser=user>', 'user[:group] a component runs as; may be repeated', collect)
    .option('--system-limits <json>', 'JSON or a file with it: {"COMPONENT": {"memory": KILOBYTES, "cpus": NUMBER}}')
    .option('--group <name>', 'thing group whose components are changed (default: those deployed on the device)')
    .addOption(
      new Option('--failure-handling-policy <policy>', 'what happens when a component breaks')
        .choices(['ROLLBACK', 'DO_NOTHING'])
        .default('DO_NOTHING'),
    )
    .option('--wait', 'wait for its end; exit 1 unless it succeeded');
  return addJsonOption(made, '{"deploymentId"}; with --wait what status prints.').action(
    async (options: DeploymentOptions & Common & { wait?: true }, own: Command) => {
      const request = deploymentRequest(options);
      await withDevice(rootOf(own), async (client) => {
        const { deploymentId } = await client.call(cliOperations.CreateLocalDeployment, request);
        if (options.wait !== true) {
          console.log(options.json === true ? JSON.stringify({ deploymentId }) : deploymentId);
          return;
        }
        const deployment = await ended(client, deploymentId);
        console.log(options.json === true ? JSON.stringify(deployment) : describe(deployment));
        if (deployment.status !== 'SUCCEEDED') process.exitCode = 1;
      });
    },
  );
}

async function ended(client: DeviceClient, deploymentId: string): Promise<LocalDeployment> {
  for (;;) {
    const { deployment } = await client.call(cliOperations.GetLocalDeploymentStatus, { deploymentId });
    if (deployment.status !== 'QUEUED' && deployment.status !== 'IN_PROGRESS') return deployment;
    await sleep(200);
  }
}

function statusCommand(): Command {
  const made = command('status', 'Show how a local deployment stands, or all of them.').argument(
    '[id]',
    'deployment id; without it the last ones are listed, oldest first',
  );
  const prints =
    'the deployment {"deploymentId", "status", "createdOn", "deploymentStatusDetails"}, or a list of them.';
  return addJsonOption(made, prints).action(async (deploymentId: string | undefined, options: Common, own: Command) => {
    await withDevice(rootOf(own), async (client) => {
      if (deploymentId !== undefined) {
        const { deployment } = await client.call(cliOperations.GetLocalDeploymentStatus, { deploymentId });
        console.log(options.json === true ? JSON.stringify(deployment) : describe(deployment));
        return;
      }
      const { localDeployments = [] } = await client.call(cliOperations.ListLocalDeployments, {});
      if (options.json === true) console.log(JSON.stringify(localDeployments));
      for (const { deploymentId: id, status, createdOn } of options.json === true ? [] : localDeployments)
        console.log(`${id}  ${status}  ${createdOn}`);
    });
  });
}

function cancelCommand(): Command {
  return command(
    'cancel',
    'Cancel a local deployment. One that changes components already brings back those before. Exit code 1 when it has ended.',
  )
    .argument('<id>', 'deployment id')
    .action(async (deploymentId: string, _options: Common, own: Command) => {
      await withDevice(rootOf(own), async (client) => {
        const { message = '' } = await client.call(cliOperations.CancelLocalDeployment, { deploymentId });
        console.log(message);
        const { deployment } = await client.call(cliOperations.GetLocalDeploymentStatus, { deploymentId });
        // One that goes back is still in progress.
        if (deployment.status !== 'CANCELED' && !message.startsWith('Cancel request submitted')) process.exitCode = 1;
      });
    });
}

function componentsCommand(): Command {
  const made = command('components', 'List the components of the device.');
  const prints = 'a list of {"componentName", "version", "state", "configuration"}.';
  return addJsonOption(made, prints).action(async (options: Common, own: Command) => {
    const { components = [] } = await withDevice(rootOf(own), (client) =>
      client.call(cliOperations.ListComponents, {}),
    );
    if (options.json === true) console.log(JSON.stringify(components));
    else for (const line of table(components)) console.log(line);
  });
}

function table(components: readonly ComponentDetails[]): readonly string[] {
  const width = Math.max(0, ...components.map(({ componentName }) => componentName.length));
  const versions = Math.max(0, ...components.map(({ version }) => version.length));
  return components.map(
    ({ componentName, version, state }) => `${componentName.padEnd(width)}  ${version.padEnd(versions)}  ${state}`,
  );
}

function requestCommand(name: 'restart' | 'stop', description: string): Command {
  return command(name, description)
    .argument('<components...>', 'names of components')
    .action(async (names: readonly string[], _options: Common, own: Command) => {
      await withDevice(rootOf(own), async (client) => {
        for (const componentName of names) {
          const refusal = await ask(client, name, componentName);
          if (refusal === undefined) continue;
          console.error(`sward: ${refusal}`);
          process.exitCode = 1;
        }
      });
    });
}

/** Why the runtime does not do it; undefined when it does. */
async function ask(client: DeviceClient, what: 'restart' | 'stop', componentName: string): Promise<string | undefined> {
  if (what === 'restart') {
    const { restartStatus, message = 'refused' } = await client.call(cliOperations.RestartComponent, { componentName });
    return restartStatus === 'SUCCEEDED' ? undefined : message;
  }
  const { stopStatus, message = 'refused' } = await client.call(cliOperations.StopComponent, { componentName });
  return stopStatus === 'SUCCEEDED' ? undefined : message;
}

function logsCommand(): Command {
  return new NewCommand('logs')
    .description('Print the log of a component, or of the runtime. Of the device of --root (default: this folder).')
    .argument('[component]', 'name of a component (default: the runtime itself)')
    .option('--follow', 'go on with what comes, until it is interrupted')
    .addHelpText('after', '\n--root <folder> is the root folder of the device.')
    .action(async (component: string | undefined, options: { follow?: true }, own: Command) => {
      const root = rootOf(own);
      if (component !== undefined && !/^[A-Za-z0-9_.-]{1,128}$/.test(component))
        throw new Fault('Usage', `${JSON.stringify(component)} is not the name of a component`);
      const path = join(root, 'logs', `${component ?? 'greengrass'}.log`);
      if (!existsSync(path) && options.follow !== true)
        throw new Fault('NoLog', `there is no log ${path}${component === undefined ? '' : othersIn(root)}`);
      const tail = new LogTail(path);
      process.stdout.write(tail.read());
      while (options.follow === true) {
        await sleep(200);
        process.stdout.write(tail.read());
      }
      tail.close();
    });
}

/** The components that have a log, for one who mistyped. */
function othersIn(root: string): string {
  const folder = join(root, 'logs');
  const logs = existsSync(folder) ? readdirSync(folder) : [];
  const names = logs.flatMap((file) =>
    (/^(?!greengrass\.)(.+)(?<!_\d{4}_\d\d_\d\d_\d\d_\d+)\.log$/.exec(file) ?? []).slice(1),
  );
  return names.length === 0 ? '' : `; there are those of ${names.sort().join(', ')}`;
}

function describe({ deploymentId, status, createdOn, deploymentStatusDetails: details }: LocalDeployment): string {
  const lines = [`${deploymentId}: ${status}`, `Created on: ${createdOn}`];
  if (details !== undefined && status === 'FAILED') {
    lines.push(`Detailed Status: ${details.detailedDeploymentStatus}`);
    lines.push(`Deployment Error Stack: ${(details.deploymentErrorStack ?? []).join(', ')}`);
    lines.push(`Deployment Error Types: ${(details.deploymentErrorTypes ?? []).join(', ')}`);
    lines.push(`Deployment Failure Cause: ${details.deploymentFailureCause ?? ''}`);
  }
  return lines.join('\n');
}
