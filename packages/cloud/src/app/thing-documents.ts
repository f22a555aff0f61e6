import { isJsonObject, type Json } from '@greensward/kit';
import type { QuerySource, ShadowSections, ThingDocument } from '@greensward/model/fleet-query';
import { shadowDocument } from '@greensward/protocol/shadow';
import { hasShadow, type IndexingConfiguration } from '../domain/fleet-index/indexing-configuration.ts';
import type { Thing } from '../domain/registry/registry.ts';
import type { ShadowRecord } from '../domain/shadow/shadow-record.ts';
import type { Tx } from '../ports/storage.ts';
import { toShadow } from './shadow-records.ts';

/** A thing as the fleet index knows it. */
export interface IndexedThing {
  readonly document: ThingDocument;
  /** As the index shows them; only where shadows were read. */
  readonly shadows: readonly ShadowRecord[];
}

const every: ReadonlySet<QuerySource> = new Set(['registry', 'groups', 'connectivity', 'shadow/*']);

/** The documents of things, with what the index has of the sources that are asked for, in the order of the things. */
export async function readDocuments(
  tx: Tx,
  configuration: IndexingConfiguration,
  things: readonly Thing[],
  sources: ReadonlySet<QuerySource> = every,
): Promise<readonly IndexedThing[]> {
  const names = things.map(({ name }) => name);
  const groups = sources.has('groups')
    ? await tx.fleetIndex.staticGroupsOf(names)
    : new Map<string, readonly string[]>();
  const connections =
    configuration.connectivity && sources.has('connectivity') ? await tx.fleetIndex.connections(names) : undefined;
  const shadows = await readShadows(tx, configuration, names, sources);
  return things.map((thing) => {
    const connection = connections?.get(thing.name);
    const records = shadows.get(thing.name) ?? [];
    return {
      shadows: records,
      document: {
        thingName: thing.name,
        thingId: thing.id,
        ...(thing.typeName === undefined ? {} : { thingTypeName: thing.typeName }),
        thingGroupNames: groups.get(thing.name) ?? [],
        attributes: thing.attributes,
        shadows: new Map(records.map((record) => [record.name, sectionsOf(record)])),
        ...(connection === undefined
          ? {}
          : {
              connectivity: {
                connected: connection.connected,
                timestamp: connection.changedAt,
                ...(connection.disconnectReason === undefined ? {} : { disconnectReason: connection.disconnectReason }),
              },
            }),
      },
    };
  });
}

async function readShadows(
  tx: Tx,
  configuration: IndexingConfiguration,
  things: readonly string[],
  sources: ReadonlySet<QuerySource>,
): Promise<ReadonlyMap<string, readonly ShadowRecord[]>> {
  const found = new Map<string, ShadowRecord[]>();
  const names = [...sources].filter((source) => source.startsWith('shadow/')).map((source) => source.slice(7));
  for (const name of names.includes('*') ? [undefined] : names) {
    for (const record of await tx.fleetIndex.shadows(things, name)) {
      if (!hasShadow(configuration, record.name)) continue;
      const list = found.get(record.thing);
      if (list) list.push(record);
      else found.set(record.thing, [record]);
    }
  }
  return found;
}

function sectionsOf(record: ShadowRecord): ShadowSections {
  const { state, metadata } = shadowDocument(toShadow(record), record.updatedAt);
  const { desired, reported, delta } = object(state);
  const sections = { desired, reported, delta, metadata };
  return Object.fromEntries(Object.entries(sections).filter(([, section]) => isJsonObject(section)));
}

function object(value: Json | undefined) {
  return isJsonObject(value) ? value : {};
}

/** IoT: the shadows of a thing as SearchIndex shows them, one JSON text; undefined for a thing without. */
export function shadowText({ document, shadows }: IndexedThing): string | undefined {
  const shown = (record: ShadowRecord) => {
    const sections = document.shadows.get(record.name);
    return { ...sections, hasDelta: sections?.delta !== undefined, version: record.version };
  };
  const classic = shadows.find(({ name }) => name === '');
  const named = shadows.filter(({ name }) => name !== '').map((record) => [record.name, shown(record)] as const);
  if (shadows.length === 0) return undefined;
  return JSON.stringify({
    ...(classic === undefined ? {} : shown(classic)),
    ...(named.length === 0 ? {} : { name: Object.fromEntries(named) }),
  });
}
