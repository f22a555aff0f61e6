import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Fault, isJsonObject } from '@greensward/kit';
import { writeFileAtomic } from '@greensward/kit/node';
import { Command } from 'commander';
import { parse } from 'yaml';
import { deviceBundle, deviceNodeFlags } from '../device-bundle.ts';
import { systemdUnit } from '../service/systemd-unit.ts';

interface Options {
  readonly root?: string;
  readonly config?: string;
  readonly name: string;
  readonly unitFolder: string;
  readonly print?: boolean;
}

/** `sward device install-service`: the device runtime as a unit of systemd. It starts nothing. */
export function installServiceCommand(): Command {
  return new Command('install-service')
    .description(
      'Write a systemd unit that runs the device of --root (default: this folder) from the next boot on, ' +
        'and keep the runtime it starts in the folder bin of the root.',
    )
    .option('--name <name>', 'name of the unit', 'greensward-device')
    .option('--unit-folder <folder>', 'where units are', '/etc/systemd/system')
    .option('--print', 'print the unit, write nothing')
    .action(async (_own: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      if (!/^[A-Za-z0-9:_.-]{1,200}$/.test(options.name) || options.name.startsWith('.'))
        throw new Fault('Usage', `${JSON.stringify(options.name)} is not the name of a unit`);
      const root = resolve(options.root ?? '.');
      const config = resolve(options.config ?? join(root, 'config.yaml'));
      const runtime = join(root, 'bin', 'greensward-device.mjs');
      const unit = systemdUnit({
        thing: thingOf(config),
        program: [process.execPath, ...deviceNodeFlags, runtime, '--root', root, '--config', config],
        environment: { MALLOC_ARENA_MAX: '1' },
        notifies: has('systemd-notify'),
      });
      if (options.print) {
        process.stdout.write(unit);
        return;
      }
      if (!existsSync(options.unitFolder))
        throw new Fault('Usage', `there is no folder ${options.unitFolder}: is systemd here?`);
      // A copy: what the unit starts does not change when this program is updated.
      mkdirSync(join(root, 'bin'), { recursive: true, mode: 0o755 });
      copyFileSync(await deviceBundle(), runtime);
      const file = join(options.unitFolder, `${options.name}.service`);
      await writeFileAtomic(file, unit, 0o644);
      console.log(`${file} is written. Start the device with:`);
      console.log(`  systemctl daemon-reload && systemctl enable --now ${options.name}`);
    });
}

function thingOf(config: string): string {
  let text: string;
  try {
    text = readFileSync(config, 'utf8');
  } catch (cause) {
    throw new Fault('Usage', `${config} cannot be read: make it with sward provision`, { cause });
  }
  const document: unknown = parse(text);
  const system = isJsonObject(document) ? document['system'] : undefined;
  const thing = isJsonObject(system) ? system['thingName'] : undefined;
  if (typeof thing !== 'string' || !/^[a-zA-Z0-9:_-]{1,128}$/.test(thing))
    throw new Fault('Usage', `${config} names no thing in system.thingName`);
  return thing;
}

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
