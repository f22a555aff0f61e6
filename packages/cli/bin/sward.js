#!/usr/bin/env node
// Plain JavaScript, so that an old Node gives one line and not a stack trace. npm and npx put the Node of this package's
// optional dependencies first in PATH; started in another way, this file finds it itself.
import { spawnSync } from 'node:child_process';
import { createRequire, enableCompileCache } from 'node:module';

const [major = 0] = process.versions.node.split('.').map(Number);

if (major >= 24) {
  enableCompileCache?.();
  await import('../src/main.ts');
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(
      `sward needs Node 24 or newer; this is ${process.versions.node}, and no Node for ${process.platform}-${process.arch} was installed with it`,
    );
    process.exit(1);
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {}); // The child gets them too, and decides.
  const { status } = spawnSync(node, [new URL(import.meta.url).pathname, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}

/** The path of a Node 24 among the optional dependencies, or undefined. */
function bundledNode() {
  const require = createRequire(import.meta.url);
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  for (const name of [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`]) {
    try {
      return require.resolve(`${name}/bin/node${process.platform === 'win32' ? '.exe' : ''}`);
    } catch {
      // Not installed on this platform: the next name.
    }
  }
  return undefined;
}
