import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin, stop } from 'esbuild';

const require = createRequire(import.meta.url);

/** Flags that keep the device runtime small: measured 57 MB connected, against 75 MB from single modules. */
export const deviceNodeFlags: readonly string[] = [
  '--optimize-for-size',
  '--max-semi-space-size=1',
  '--disable-warning=ExperimentalWarning',
];

/**
 * Makes the device runtime one file. `version`: another version of aws.greengrass.Nucleus for it to be than that of the sources, as
 * a deployment of an own build needs it.
 */
export async function bundleDevice(outfile: string, version?: string): Promise<void> {
  const plugin: Plugin = {
    name: 'runtime-version',
    setup({ onLoad }) {
      if (version === undefined) return;
      onLoad({ filter: /[\\/]runtime-version\.ts$/ }, () => ({
        contents: `export const runtimeVersion = ${JSON.stringify(version)};`,
      }));
    },
  };
  await build({
    entryPoints: [require.resolve('@greensward/device/main')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    minify: true,
    legalComments: 'none',
    plugins: [plugin],
    // Packages that are CommonJS inside ask for Node's modules by `require`.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  // Its helper process would stay with us, and with what we turn into.
  await stop();
}

/**
 * The device runtime as one file, made when its sources have changed since the last time. The published package carries
 * it ready made; in the repository it is kept below `node_modules/.cache`.
 */
export async function deviceBundle(): Promise<string> {
  const main = require.resolve('@greensward/device/main');
  const packages = join(dirname(main), '..', '..');
  const folder = join(packages, '..', 'node_modules', '.cache', 'greensward');
  const file = join(folder, `device-${sourcesKey(packages)}.mjs`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await bundleDevice(temporary);
  for (const old of readdirSync(folder)) {
    if (/^device-[0-9a-f]+\.mjs$/.test(old)) rmSync(join(folder, old), { force: true });
  }
  renameSync(temporary, file);
  return file;
}

/** A key that changes with any source file the bundle is made of. */
function sourcesKey(packages: string): string {
  const hash = createHash('sha256').update(process.versions.node);
  for (const name of ['kit', 'model', 'protocol', 'mqtt', 'device']) {
    const folder = join(packages, name, 'src');
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
      const { size, mtimeMs } = statSync(join(folder, file));
      hash.update(`${name}/${file} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}
