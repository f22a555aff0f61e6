// `main.ts explain`: reads the store of a device that may be running. Exit codes as main.ts.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault, messageOf } from '@greensward/kit';
import { formatSource, fromJson } from '@greensward/model/configuration';
import { explainConfiguration, explainText } from './configuration/explain.ts';
import { nucleusConfigurationOf } from './configuration/read-device-config.ts';
import { readComponents } from './store/store-reader.ts';

const nucleusComponent = 'aws.greengrass.Nucleus';

function readArguments(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { root: { type: 'string' }, config: { type: 'string' }, json: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [component, pointer, ...more] = positionals;
    if (values.root === undefined) throw new Error('--root DIR is required');
    if (more.length > 0) throw new Error('at most a component and a JSON pointer');
    if (pointer !== undefined && pointer !== '' && !pointer.startsWith('/'))
      throw new Error(`the JSON pointer ${JSON.stringify(pointer)} does not begin with /`);
    const root = resolve(values.root);
    const config = values.config === undefined ? join(root, 'config.yaml') : resolve(values.config);
    return { root, config, json: values.json ?? false, component, pointer };
  } catch (error) {
    throw new Fault('Usage', messageOf(error));
  }
}

/** Prints what `args` ask for. Faults: `Usage`, `STORE_NOT_FOUND`, `STORE_CORRUPT`, `NOT_FOUND`. */
export function explain(args: readonly string[], print: (text: string) => void): void {
  const { root, config, json, component, pointer } = readArguments(args);
  const set = readComponents(join(root, 'config', 'device.db'));
  const file = existsSync(config)
    ? fromJson(
        nucleusConfigurationOf(readFileSync(config, 'utf8')),
        Math.floor(statSync(config).mtimeMs),
        formatSource({ kind: 'file', name: 'config.yaml' }),
      )
    : fromJson({}, 1, 'default');
  if (component !== undefined && component !== nucleusComponent && !set.has(component))
    throw new Fault('NOT_FOUND', `the device has no component ${component}`);
  const leaves = explainConfiguration(
    set,
    { component: nucleusComponent, file },
    { ...(component === undefined ? {} : { component }), ...(pointer === undefined ? {} : { pointer }) },
  );
  if (pointer !== undefined && leaves.length === 0)
    throw new Fault('NOT_FOUND', `${component} has nothing at ${JSON.stringify(pointer)}`);
  print(json ? `${JSON.stringify(leaves, null, 2)}\n` : explainText(leaves));
}
