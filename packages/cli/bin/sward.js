#!/usr/bin/env node
// Plain JavaScript, so that an old Node gives one line and not a stack trace. npm and npx put the Node of this package's
// optional dependencies first in PATH; started in another way, this file finds it itself.
import { spawn } from 'node:child_process';
import * as nodeModule from 'node:module'; // Not by name: Node before 22 has no enableCompileCache.
import { fileURLToPath } from 'node:url';

const needed = 24;
const version = process.versions.node;

if (Number(version.split('.')[0]) >= needed) {
  nodeModule.enableCompileCache?.();
  await import('../src/main.ts').catch(failToLoad);
} else {
  const node = bundledNode();
  if (node === undefined) {
    fail(
      `Node ${needed} or newer is needed, and this is Node ${version}: run "npm ci" with optional dependencies, which brings one, or install it`,
    );
  } else {
    runWith(node);
  }
}

/** The path of a newer Node among the optional dependencies, or undefined. */
function bundledNode() {
  const require = nodeModule.createRequire(import.meta.url);
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

/** Runs this file with another Node: its output, its signals and its end are ours. */
function runWith(node) {
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  // The channel tells it when we are gone, however we went.
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // A terminal sends a signal to both of us, anybody else to us alone: whoever gets it twice ignores the second.
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.once('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.once('exit', (code, signal) => {
    for (const each of signals) process.off(each, passOn);
    if (signal === null) process.exit(code);
    process.kill(process.pid, signal); // So that whoever waits for us sees the same end.
  });
}

function failToLoad(error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  fail(`its packages are not installed: run "npm ci" first (${error.message.split('\n')[0]})`);
}

function fail(message) {
  console.error(`sward: ${message}`);
  process.exitCode = 1;
}
