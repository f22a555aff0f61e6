import { readFile } from 'node:fs/promises';
import { Fault, messageOf } from '@greensward/kit';

/** Reads a file that the command line names. Fails with `Usage` when it cannot be read. */
export async function readUserFile(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new Fault('Usage', missing ? `there is no file ${file}` : `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
