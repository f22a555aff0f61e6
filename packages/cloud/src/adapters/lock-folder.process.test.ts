import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockFolder } from './lock-folder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const inUse = expect.objectContaining({
  code: 'DATA_FOLDER_IN_USE',
  message: expect.stringMatching(/^[^\n]*in use[^\n]*$/),
});

describe('the lock of a data folder', () => {
  test('is held once, and free again after it was given back', () => {
    const release = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(inUse);
    release();
    release();
    lockFolder(folder)();
  });

  test('keeps other processes out until its holder dies, even by -9', async () => {
    const script = `
      import { lockFolder } from './lock-folder.ts';
      lockFolder(process.argv[1]);
      process.stdout.write('locked\\n');
      process.stdin.resume();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    });
    const exited = once(child, 'exit');
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).toBe('locked\n');
    expect(() => lockFolder(folder)).toThrow(inUse);
    child.kill('SIGKILL');
    await exited;
    lockFolder(folder)();
  });
});
