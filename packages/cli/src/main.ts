import { Fault } from '@greensward/kit';
import { Command, CommanderError } from 'commander';
import { cloudCommand } from './commands/cloud.ts';
import { componentCommand } from './commands/component.ts';
import { deployCommand } from './commands/deploy.ts';
import { deviceCommand } from './commands/device.ts';
import { provisionCommand } from './commands/provision.ts';
import { upCommand } from './commands/up.ts';

// Exit codes: 0 ok, 1 the operation failed, 2 wrong usage.

const program = new Command('sward')
  .description('Greensward: AWS IoT Greengrass V2 on your own machines.')
  .showHelpAfterError('(sward --help, sward COMMAND --help)')
  .exitOverride();

for (const command of [upCommand, cloudCommand, deviceCommand, provisionCommand, componentCommand, deployCommand]) {
  program.addCommand(command());
}

/** commander ends a wrong usage with code 1; ours is 2, also in the commands below the first. */
function overrideExits(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride();
    overrideExits(child);
  }
}

overrideExits(program);
try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const fault = error instanceof Fault ? error : undefined;
    console.error(`sward: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = fault?.code === 'Usage' ? 2 : 1;
  }
}
