import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Chance } from '@greensward/testkit/chance';
import type { Entry } from './journal.ts';

interface FileNode {
  readonly kind: 'file';
  data: Buffer;
  mode: number;
  /** What a sync has brought to the disk. */
  durable: { readonly data: Buffer; readonly mode: number };
}

interface LinkNode {
  readonly kind: 'link';
  readonly target: string;
}

interface FolderNode {
  readonly kind: 'folder';
  mode: number;
  readonly names: Map<string, Node>;
  /** The names as the last sync left them. */
  durable: Map<string, Node>;
  /** What has happened to the names since, each as one step: a rename is whole or not there. */
  readonly changes: (() => NameChange[])[];
}

interface NameChange {
  readonly folder: FolderNode;
  readonly name: string;
  /** Absent: the name is gone. */
  readonly node: Node | undefined;
}

type Node = FileNode | LinkNode | FolderNode;

/** A file, link or folder of an image, by its path. */
export type Image = ReadonlyMap<
  string,
  { readonly mode: number; readonly data: Buffer } | { readonly target: string } | { readonly folderMode: number }
>;

/**
 * What of that which no sync has made durable is on the disk after the power was cut: all of it; none; the names but not the bytes;
 * the bytes but not the names; or any part, drawn. What was synced is always there: the bytes and the mode of a file by a
 * sync of the file, its name by a sync of its folder. That is less than ext4 or xfs promise, and all that POSIX does.
 */
export type Loss = 'nothing' | 'unsynced' | 'unsynced bytes' | 'unsynced names' | Chance;

/** A disk that knows what a power cut leaves. Paths are relative; the database is not on it. */
export class Disk {
  readonly #root: FolderNode = newFolder(0o755);
  /** The names of syncs that are taken as not done. */
  readonly #disabled: ReadonlySet<string>;

  constructor(base: Image, disabled: ReadonlySet<string> = new Set()) {
    this.#disabled = disabled;
    for (const [path, found] of base) {
      const folder = this.#folder(dirname(path), 0o755);
      let node: Node;
      if ('target' in found) node = { kind: 'link', target: found.target };
      else if ('data' in found) node = newFile(found.data, found.mode, true);
      else node = newFolder(found.folderMode);
      folder.names.set(basename(path), node);
      folder.durable.set(basename(path), node);
    }
    const settle = (folder: FolderNode) => {
      folder.durable = new Map(folder.names);
      folder.changes.length = 0;
      for (const node of folder.names.values()) if (node.kind === 'folder') settle(node);
    };
    settle(this.#root);
  }

  apply(entry: Entry): void {
    switch (entry.op) {
      case 'open': {
        const there = this.#find(entry.path);
        if (there?.kind !== 'file') this.#put(entry.path, newFile(Buffer.alloc(0), entry.mode & ~0o022, false));
        else if (entry.truncate) there.data = Buffer.alloc(0);
        return;
      }
      case 'replace': {
        const there = this.#find(entry.path);
        if (there?.kind === 'file') there.data = Buffer.from(entry.data, 'base64');
        else this.#put(entry.path, newFile(Buffer.from(entry.data, 'base64'), entry.mode & ~0o022, false));
        return;
      }
      case 'write': {
        const file = this.#file(entry.path);
        file.data = Buffer.concat([file.data, Buffer.from(entry.data, 'base64')]);
        return;
      }
      case 'mode': {
        const node = this.#find(entry.path);
        if (node !== undefined && node.kind !== 'link') node.mode = entry.mode;
        return;
      }
      case 'sync':
        if (!this.#disabled.has(syncName(entry))) this.#sync(entry.path);
        return;
      case 'rename':
        this.#rename(entry.path, entry.to);
        return;
      case 'remove':
        this.#remove(entry.path);
        return;
      case 'folder':
        this.#folder(entry.path, entry.mode & ~0o022);
        return;
      case 'link':
        this.#put(entry.path, { kind: 'link', target: entry.target });
        return;
      case 'database':
      case 'commit':
      case 'spawn':
      case 'kill':
        return;
    }
  }

  image(loss: Loss): Image {
    const image = new Map<string, { mode: number; data: Buffer } | { target: string } | { folderMode: number }>();
    const keepNames = loss === 'nothing' || loss === 'unsynced bytes';
    const keepBytes = loss === 'nothing' || loss === 'unsynced names';
    const drawn = typeof loss === 'string' ? undefined : this.#drawNames(loss);
    const walk = (folder: FolderNode, path: string) => {
      const names = drawn?.get(folder) ?? (keepNames ? folder.names : folder.durable);
      for (const [name, node] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const at = path === '' ? name : `${path}/${name}`;
        if (node.kind === 'link') image.set(at, { target: node.target });
        else if (node.kind === 'folder') {
          image.set(at, { folderMode: node.mode });
          walk(node, at);
        } else image.set(at, typeof loss === 'string' ? (keepBytes ? bytesOf(node) : node.durable) : draw(node, loss));
      }
    };
    walk(this.#root, '');
    return image;
  }

  /** For each folder the names that a drawn part of the steps since the last sync leaves. */
  #drawNames(chance: Chance): Map<FolderNode, Map<string, Node>> {
    const drawn = new Map<FolderNode, Map<string, Node>>();
    const namesOf = (folder: FolderNode) => {
      const names = drawn.get(folder) ?? new Map(folder.durable);
      drawn.set(folder, names);
      return names;
    };
    const walk = (folder: FolderNode) => {
      namesOf(folder);
      for (const change of folder.changes) {
        if (chance.integer(2) === 0) continue;
        for (const { folder: of, name, node } of change()) {
          if (node === undefined) namesOf(of).delete(name);
          else namesOf(of).set(name, node);
        }
      }
      for (const node of new Set([...folder.durable.values(), ...folder.names.values()]))
        if (node.kind === 'folder') walk(node);
    };
    walk(this.#root);
    return drawn;
  }

  #find(path: string): Node | undefined {
    if (path === '.' || path === '') return this.#root;
    const parent = this.#find(dirname(path));
    return parent?.kind === 'folder' ? parent.names.get(basename(path)) : undefined;
  }

  #file(path: string): FileNode {
    const node = this.#find(path);
    if (node?.kind !== 'file') throw new Error(`the journal writes to ${path}, which is no file`);
    return node;
  }

  #folder(path: string, mode: number): FolderNode {
    const there = this.#find(path);
    if (there?.kind === 'folder') return there;
    const made = newFolder(mode);
    this.#folder(dirname(path), mode);
    this.#put(path, made);
    return made;
  }

  #put(path: string, node: Node | undefined): void {
    const folder = this.#find(dirname(path));
    if (folder?.kind !== 'folder') throw new Error(`the journal has no folder for ${path}`);
    const name = basename(path);
    set(folder.names, name, node);
    folder.changes.push(() => [{ folder, name, node }]);
  }

  #rename(from: string, to: string): void {
    const node = this.#find(from);
    const source = this.#find(dirname(from));
    const target = this.#find(dirname(to));
    if (node === undefined || source?.kind !== 'folder' || target?.kind !== 'folder')
      throw new Error(`the journal renames ${from} to ${to}, which cannot be`);
    source.names.delete(basename(from));
    target.names.set(basename(to), node);
    // It belongs to the folder it leads to: a sync of that makes it durable.
    target.changes.push(() => [
      { folder: source, name: basename(from), node: undefined },
      { folder: target, name: basename(to), node },
    ]);
  }

  #remove(path: string): void {
    const node = this.#find(path);
    if (node === undefined) return;
    if (node.kind === 'folder') for (const name of [...node.names.keys()]) this.#remove(`${path}/${name}`);
    this.#put(path, undefined);
  }

  #sync(path: string): void {
    const node = this.#find(path);
    if (node?.kind === 'file') node.durable = bytesOf(node);
    if (node?.kind !== 'folder') return;
    for (const change of node.changes.splice(0)) {
      for (const { folder, name, node: at } of change()) set(folder.durable, name, at);
    }
  }
}

/** A sync by what it is of and who asks for it. */
export function syncName({ path, site }: { readonly path: string; readonly site: string }): string {
  return `${path.replace(/\.\d+\.tmp$/, '')} by ${site}`;
}

function newFile(data: Buffer, mode: number, durable: boolean): FileNode {
  return { kind: 'file', data, mode, durable: { data: durable ? data : Buffer.alloc(0), mode } };
}

function newFolder(mode: number): FolderNode {
  return { kind: 'folder', mode, names: new Map(), durable: new Map(), changes: [] };
}

const bytesOf = ({ data, mode }: FileNode) => ({ data, mode });

function draw(file: FileNode, chance: Chance): { data: Buffer; mode: number } {
  const way = chance.integer(3);
  if (way === 0) return file.durable;
  if (way === 1) return bytesOf(file);
  // The length is on the disk and half of the bytes are: the others read as zero.
  const data = Buffer.alloc(file.data.length);
  const kept = Math.max(Math.floor(file.data.length / 2), 0);
  file.data.copy(data, 0, 0, kept);
  return file.data.equals(file.durable.data) ? file.durable : { data, mode: file.durable.mode };
}

function set(names: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Reads a folder but what `without` starts with. */
export function readImage(folder: string, without: readonly string[]): Image {
  const image = new Map<string, { mode: number; data: Buffer } | { target: string } | { folderMode: number }>();
  const walk = (path: string) => {
    for (const name of readdirSync(join(folder, path)).sort()) {
      const at = path === '' ? name : `${path}/${name}`;
      if (without.some((start) => at.startsWith(start))) continue;
      const found = lstatSync(join(folder, at));
      if (found.isSymbolicLink()) image.set(at, { target: readlinkSync(join(folder, at)) });
      else if (found.isDirectory()) {
        image.set(at, { folderMode: found.mode & 0o7777 });
        walk(at);
        // A socket is nothing without its process.
      } else if (found.isFile()) image.set(at, { mode: found.mode & 0o7777, data: readFileSync(join(folder, at)) });
    }
  };
  walk('');
  return image;
}

/** Writes an image into an existing folder. */
export function writeImage(folder: string, image: Image): void {
  for (const [path, found] of image) {
    const at = join(folder, path);
    if ('target' in found) symlinkSync(found.target, at);
    else if ('data' in found) writeFileSync(at, found.data, { mode: found.mode });
    else mkdirSync(at, { recursive: true });
    if ('data' in found) chmodSync(at, found.mode);
    if ('folderMode' in found) chmodSync(at, found.folderMode);
  }
}

/** Equal for equal images, but for what `without` starts with. */
export function imageKey(image: Image, without: readonly string[]): string {
  const hash = createHash('sha256');
  for (const [path, found] of image) {
    if (without.some((start) => path.startsWith(start))) continue;
    hash.update(`${path}\0`);
    if ('target' in found) hash.update(`link ${found.target}\0`);
    else if ('data' in found) hash.update(`${found.mode} ${found.data.length}\0`).update(found.data);
    else hash.update(`folder ${found.folderMode}\0`);
  }
  return hash.digest('hex');
}
