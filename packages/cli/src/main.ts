import { Fault, messageOf } from '@greensward/kit';
import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { cloudCommand } from './commands/cloud.ts';
import { componentCommand } from './commands/component.ts';
import { deployCommand } from './commands/deploy.ts';
import { deviceCommand } from './commands/device.ts';
import { provisionCommand } from './commands/provision.ts';
import { recipeCommand } from './commands/recipe.ts';
import { retryCommand } from './commands/retry.ts';
import { simulateCommand } from './commands/simulate.ts';
import { upCommand } from './commands/up.ts';

const exitCodes = { ok: 0, failed: 1, wrongUsage: 2 };

const program = new Command('sward')
  .description('Greensward: AWS IoT Greengrass V2 on your own machines.')
  .version(manifest.version, '--version', 'print the version')
  .addHelpText('after', '\nExit codes: 0 done, 1 it failed, 2 wrong usage.');

const commands = [
  upCommand,
  cloudCommand,
  deviceCommand,
  provisionCommand,
  componentCommand,
  recipeCommand,
  deployCommand,
  retryCommand,
  simulateCommand,
];
for (const command of commands) program.addCommand(command());

/** commander ends a wrong usage with code 1, at once; ours is 2, also in the commands below the first. */
function prepare(command: Command, path: string): void {
  command.exitOverride().showHelpAfterError(`(see ${path} --help)`);
  for (const child of command.commands) prepare(child, `${path} ${child.name()}`);
}

prepare(program, 'sward');
try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === exitCodes.ok ? exitCodes.ok : exitCodes.wrongUsage;
  } else {
    console.error(`sward: ${messageOf(error)}`);
    const wrongUsage = error instanceof Fault && error.code === 'Usage';
    process.exitCode = wrongUsage ? exitCodes.wrongUsage : exitCodes.failed;
  }
}
