import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, open, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Fault, messageOf } from '@greensward/kit';
import { leadsInside, passesLink } from './archive-links.ts';
import { readTar, type TarEntry } from './tar-reader.ts';
import type { UnpackLimits } from './unpack-zip.ts';

/** What the archive will be on disk; paths are below its folder. */
interface Contents {
  /** Paths of regular files. */
  readonly files: Set<string>;
  readonly folders: Set<string>;
  /** Path to target. */
  readonly links: Map<string, string>;
  /** Path to the file that it is another name of. */
  readonly copies: Map<string, string>;
}

/**
 * Unpacks a TAR archive, gzipped or not, into `target`, a folder that does not exist yet. It is read twice: all names, sizes and
 * links are checked before the first byte is written. Symbolic links that lead inside are made, after all files; another name of
 * a file becomes a copy. The caller syncs it; on any failure `target` is removed. Throws a Fault
 * `IO_UNZIP_ERROR`.
 */
export async function unpackTar(
  path: string,
  target: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<void> {
  try {
    const contents = await list(path, limits, signal);
    const makeFolder = (folder: string) => mkdir(folder, { recursive: true, mode: 0o755 });
    await makeFolder(target);
    for (const folder of contents.folders) await makeFolder(join(target, folder));
    for await (const entry of readTar(await openArchive(path, signal))) {
      const name = pathOf(entry, limits.windows);
      if (entry.type !== 'file' || name === '') continue;
      await makeFolder(dirname(join(target, name)));
      const file = createWriteStream(join(target, name), { flags: 'wx', mode: 0o600 });
      await pipeline(entry.content, file, { signal });
    }
    for (const [name, of] of contents.copies) {
      await makeFolder(dirname(join(target, name)));
      await copyFile(join(target, of), join(target, name));
    }
    for (const [name, to] of contents.links) {
      await makeFolder(dirname(join(target, name)));
      await symlink(to, join(target, name));
    }
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    if (signal.aborted) throw signal.reason;
    if (error instanceof Fault) throw error;
    throw new Fault('IO_UNZIP_ERROR', `${path} cannot be unpacked: ${messageOf(error)}`, { cause: error });
  }
}

/** The bytes of the archive itself; gzip is known by its first two bytes, not by a name. */
async function openArchive(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const file = await open(path);
  const start = Buffer.alloc(2);
  try {
    await file.read(start, 0, 2, 0);
  } finally {
    await file.close();
  }
  const bytes = createReadStream(path, { highWaterMark: 256 * 1024, signal });
  if (start[0] !== 0x1f || start[1] !== 0x8b) return bytes;
  const plain = createGunzip({ chunkSize: 256 * 1024 });
  bytes.on('error', (error) => plain.destroy(error));
  plain.on('close', () => bytes.destroy());
  return bytes.pipe(plain);
}

async function list(path: string, limits: UnpackLimits, signal: AbortSignal): Promise<Contents> {
  const contents: Contents = { files: new Set(), folders: new Set(), links: new Map(), copies: new Map() };
  const sizes = new Map<string, number>();
  let count = 0;
  let bytes = 0;
  for await (const entry of readTar(await openArchive(path, signal))) {
    count += 1;
    if (count > limits.entries) throw refused(`it has more than ${limits.entries} entries, which is the limit`);
    const name = pathOf(entry, limits.windows);
    if (name === '') continue;
    if (entry.type === 'hard link') bytes += sizes.get(pathOf({ name: entry.target }, limits.windows)) ?? 0;
    bytes += entry.size;
    // Before its content is read: an archive without end is given up here.
    if (bytes > limits.bytes) throw refused(`it unpacks to more than ${limits.bytes} bytes, which is the limit`);
    sizes.set(name, entry.size);
    add(contents, entry, name, limits.windows);
  }
  checkLinks(contents);
  return contents;
}

function add(contents: Contents, entry: TarEntry, name: string, windows: boolean): void {
  const { files, folders, links, copies } = contents;
  const isFolderAgain = entry.type === 'folder' && folders.has(name);
  const there = files.has(name) || folders.has(name) || links.has(name) || copies.has(name);
  if (there && !isFolderAgain) throw refused(`it names ${JSON.stringify(name)} twice`);
  if (entry.type === 'folder') folders.add(name);
  else if (entry.type === 'file') files.add(name);
  else if (entry.type === 'symbolic link' && !windows) links.set(name, entry.target);
  else if (entry.type === 'hard link') {
    const of = pathOf({ name: entry.target }, windows);
    if (!files.has(of)) throw refused(`the link ${JSON.stringify(name)} is to no file before it`);
    copies.set(name, of);
  } else throw refused(`it holds a link or a device: ${JSON.stringify(name)}`);
}

function checkLinks({ files, folders, links, copies }: Contents): void {
  for (const name of [...files, ...folders, ...links.keys(), ...copies.keys()]) {
    if (passesLink(name, links)) throw refused(`${JSON.stringify(name)} lies behind a link`);
  }
  for (const name of links.keys()) {
    if (!leadsInside(name, links)) throw refused(`the link ${JSON.stringify(name)} leads out of it, or nowhere`);
  }
}

/** Where an entry goes, below the folder; empty for the folder itself. */
function pathOf({ name }: Pick<TarEntry, 'name'>, windows: boolean): string {
  const plain = name.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  if (plain === '.' || (plain === '' && /^[./]*\.\/*$|^$/.test(name) && !name.startsWith('/'))) return '';
  const escapes = plain.split('/').some((segment) => segment === '' || segment === '..' || segment === '.');
  if (escapes || plain.includes('\0') || plain.includes('\\') || (windows && plain.includes(':'))) {
    throw new Fault('IO_UNZIP_ERROR', `Entry is outside of the target dir: ${JSON.stringify(name)}`);
  }
  return plain;
}

function refused(why: string): Fault {
  return new Fault('IO_UNZIP_ERROR', `the archive is not unpacked: ${why}`);
}
