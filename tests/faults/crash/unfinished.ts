import { Disk, type Image } from './disk.ts';
import type { Entry, Operation } from './journal.ts';

/**
 * What was under way when a process was killed may have been done all the same, and is in no journal: the operations that make of the disk
 * as the journal has it the disk as it is. None of it is synced.
 */
export function unfinishedOperations(base: Image, entries: readonly Entry[], now: Image): Operation[] {
  const found: Operation[] = [];
  const model = () => {
    const disk = new Disk(base);
    for (const entry of [...entries, ...found.map((operation) => ({ ...operation, point: 0, end: 0 }))])
      disk.apply(entry);
    return disk.image('nothing');
  };
  let before = model();
  const add = (operation: Operation) => {
    found.push(operation);
    before = model();
  };
  for (const [path, node] of now) {
    const known = before.get(path);
    if (known === undefined) {
      // A rename keeps what was synced of the file or folder.
      const name = path.slice(path.lastIndexOf('/'));
      const from = [...before.keys()].find((one) => one.endsWith(name) && !now.has(one));
      if (from !== undefined) add({ op: 'rename', path: from, to: path });
      else if ('folderMode' in node) add({ op: 'folder', path, mode: node.folderMode });
      else if ('target' in node) add({ op: 'link', path, target: node.target });
      else add({ op: 'open', path, truncate: false, mode: node.mode });
    }
    const there = before.get(path);
    if (!('data' in node) || there === undefined || !('data' in there)) continue;
    const { data, mode } = node;
    if (!there.data.equals(data)) add({ op: 'replace', path, data: data.toString('base64'), mode });
    if (there.mode !== mode) add({ op: 'mode', path, mode });
  }
  for (const path of [...before.keys()].reverse()) if (!now.has(path)) found.push({ op: 'remove', path });
  return found;
}
