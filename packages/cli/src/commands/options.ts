import type { Command } from 'commander';

/** Where `sward up` keeps its data unless told otherwise, below the working folder. */
export const defaultDataFolder = 'data';

/** The option by which a command finds the cloud: the folder that holds the profile it wrote. */
export function addDataOption(command: Command): Command {
  return command.option('--data <folder>', 'data folder of the cloud to talk to', defaultDataFolder);
}

/** `--json`, whose output is then part of the command's help. */
export function addJsonOption(command: Command, prints: string): Command {
  return command
    .option('--json', 'machine-readable output, see below')
    .addHelpText('after', `\nWith --json one line is printed: ${prints}`);
}
