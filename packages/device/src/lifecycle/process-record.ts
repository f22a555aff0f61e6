import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isJsonObject, type Json, type Log, messageOf } from '@greensward/kit';
import type { Leftover } from '../platform/platform.ts';

/** The processes that live, kept in a file so that a runtime that was killed can be cleaned up after. */
export interface ProcessRecord {
  /** What the runtime before this one had recorded last. */
  readonly leftovers: readonly Leftover[];
  save(processes: readonly Leftover[]): void;
}

/** Opens `file`, whose folder exists. A file that cannot be read counts as empty: at worst an orphan is left. */
export function openProcessRecord(file: string, log: Log): ProcessRecord {
  return {
    leftovers: read(file),
    save(processes) {
      try {
        // Written at once, so that no process outruns its record; not synced, because none outlives a power cut either.
        writeFileSync(`${file}.tmp`, JSON.stringify(processes), { mode: 0o600 });
        renameSync(`${file}.tmp`, file);
      } catch (error) {
        log.error('the record of processes cannot be written', { file, reason: messageOf(error) });
      }
    },
  };
}

function read(file: string): Leftover[] {
  let content: Json;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
  if (!Array.isArray(content)) return [];
  return content.flatMap((entry) => {
    if (!isJsonObject(entry)) return [];
    const { pid, startedAt } = entry;
    return Number.isSafeInteger(pid) && typeof startedAt === 'string' ? [{ pid: Number(pid), startedAt }] : [];
  });
}
