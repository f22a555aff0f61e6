import { constants } from 'node:fs';
import { chmod, copyFile, lstat, realpath, rename } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Fault, messageOf } from '@greensward/kit';
import { ensureFolder } from '@greensward/kit/node';
import type { PlannedArtifact } from './artifact-plan.ts';
import type { ComponentPaths } from './components.ts';
import { removeFolder } from './folders.ts';
import { asIo, errorCode } from './io.ts';

/** Where the artifacts of a component version are taken from, and where they go. */
export interface LocalImport {
  readonly name: string;
  readonly version: string;
  /** The artifact folder of the deployment. */
  readonly folder: string;
  readonly at: ComponentPaths;
  readonly unfinished: string;
}

/** Copies one artifact, if the folder has it; see `ComponentFiles.importArtifacts`. */
export async function importArtifact(artifact: PlannedArtifact, from: LocalImport): Promise<void> {
  const { origin, fileName } = artifact;
  const named = origin.scheme === 'file' ? origin.path : join(from.name, from.version, fileName);
  const source = await below(from.folder, named, artifact.uri);
  if (source === undefined) {
    // Another URI is loaded from where it points.
    if (origin.scheme !== 'file') return;
    throw new Fault('ARTIFACT_URI_NOT_VALID', `${artifact.uri}: ${join(from.folder, named)} does not exist`);
  }
  if (artifact.unpack !== undefined) await removeFolder(join(from.at.decompressed, artifact.unpack.folder));
  const target = join(from.at.artifacts, fileName);
  const part = join(from.unfinished, 'files', fileName);
  await asIo('IO_WRITE_ERROR', target, async () => {
    await ensureFolder(from.at.artifacts);
    await ensureFolder(dirname(part), 0o700);
    await removeFolder(part);
    await copyFile(source, part, constants.COPYFILE_EXCL);
    await chmod(part, 0o600);
    await rename(part, target);
  });
}

/** The true path of a regular file below the folder; undefined when nothing is there. Links are followed, but not out of it. */
async function below(folder: string, path: string, uri: string): Promise<string | undefined> {
  const outside = () => new Fault('ARTIFACT_URI_NOT_VALID', `${uri} is not below the artifact folder ${folder}`);
  const root = await real(folder);
  if (root === undefined) throw new Fault('IO_READ_ERROR', `the artifact folder ${folder} does not exist`);
  // By its text first: whether something outside exists is not told either.
  if (!isBelow(root, resolve(root, path)) && !isBelow(resolve(folder), resolve(folder, path))) throw outside();
  const source = await real(resolve(root, path));
  if (source === undefined) return undefined;
  if (!isBelow(root, source)) throw outside();
  if ((await lstat(source)).isFile()) return source;
  throw new Fault('ARTIFACT_URI_NOT_VALID', `${uri} is not a file`);
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function real(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw new Fault('IO_READ_ERROR', `${path}: ${messageOf(error)}`, { cause: error });
  }
}
