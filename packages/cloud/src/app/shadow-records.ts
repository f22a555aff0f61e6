import type { Shadow } from '@greensward/protocol/shadow';
import type { ShadowRecord } from '../domain/shadow/shadow-record.ts';

/** The value that protocol/shadow works on, from what is stored. */
export function toShadow(record: ShadowRecord): Shadow {
  const { document, version } = record;
  if (document === undefined) return { state: {}, metadata: {}, version, deleted: true };
  return { ...JSON.parse(document), version, deleted: false };
}

/** What is stored of a shadow. A deleted one leaves its version. */
export function toRecord(thing: string, name: string, shadow: Shadow, updatedAt: number): ShadowRecord {
  const document = JSON.stringify({ state: shadow.state, metadata: shadow.metadata });
  return { thing, name, version: shadow.version, updatedAt, ...(shadow.deleted ? {} : { document }) };
}
