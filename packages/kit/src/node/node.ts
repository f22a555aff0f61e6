// The impure entry of kit: files, processes, the machine's clock and chance.
export { ensureFolder, replaceFile, syncFile, syncFolder, syncTree, writeFileAtomic } from './files.ts';
export { systemClock, systemIds, systemTimers } from './system.ts';
