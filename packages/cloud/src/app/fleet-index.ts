import { type FleetQuery, matchesQuery, parseFleetQuery, sourcesOf } from '@greensward/model/fleet-query';
import { iotInvalid } from '../domain/faults.ts';
import {
  checkConfiguration,
  everything,
  type IndexingConfiguration,
  thingIndex,
} from '../domain/fleet-index/indexing-configuration.ts';
import type { Page, PageRequest, Tx } from '../ports/storage.ts';
import type { FleetIndexUseCases, FoundThing } from './app.ts';
import type { AppDeps } from './context.ts';
import { refuseIndex, requireIndex } from './dynamic-groups.ts';
import { readDocuments, shadowText } from './thing-documents.ts';

/** Things that are read at once, and those that one request looks at: the rest is for the next page. */
const scanPage = 500;
const maxScan = 20_000;

/** Searching things by a query, what is searched, and who is connected. */
export function createFleetIndex({
  storage,
  clock,
  bus,
}: Pick<AppDeps, 'storage' | 'clock' | 'bus'>): FleetIndexUseCases {
  return {
    async search({ query, index }, page) {
      refuseIndex(index);
      const parsed = parseFleetQuery(query);
      return storage.read(async (tx) => {
        await requireIndex(tx);
        return searchPage(tx, (await tx.fleetIndex.configuration()) ?? everything, parsed, page);
      });
    },

    indices: () =>
      storage.read(async (tx) => {
        const { mode } = (await tx.fleetIndex.configuration()) ?? everything;
        return mode === 'OFF' ? [] : [thingIndex];
      }),

    async describe(name) {
      refuseIndex({ name });
      return storage.read(async (tx) => {
        await requireIndex(tx);
        return (await tx.fleetIndex.configuration()) ?? everything;
      });
    },

    configuration: () => storage.read(async (tx) => (await tx.fleetIndex.configuration()) ?? everything),

    async configure(configuration) {
      checkConfiguration(configuration);
      await storage.write(async (tx) => {
        if (configuration.mode === 'OFF' && (await tx.fleetIndex.dynamicGroups()).length > 0) {
          throw iotInvalid('thingIndexingMode: cannot be OFF while there are dynamic thing groups');
        }
        await tx.fleetIndex.setConfiguration(configuration);
        await tx.fleetIndex.rebuildAll();
      });
      bus.publish({ kind: 'things-changed' });
    },

    async setConnections(connections) {
      await storage.write((tx) => tx.fleetIndex.putConnections(connections));
      bus.publish({ kind: 'things-changed' });
    },

    disconnectAll: () => storage.write((tx) => tx.fleetIndex.disconnectAll(clock.now(), 'SERVER_ERROR')),
  };
}

async function searchPage(
  tx: Tx,
  configuration: IndexingConfiguration,
  query: FleetQuery,
  page: PageRequest,
): Promise<Page<FoundThing>> {
  const found: FoundThing[] = [];
  let { after } = page;
  for (let seen = 0; seen < maxScan; seen += scanPage) {
    const things = await tx.things.list({ limit: scanPage, ...(after === undefined ? {} : { after }) }, {});
    const documents = await readDocuments(tx, configuration, things.items, sourcesOf(query));
    const matching = documents
      .filter(({ document }) => matchesQuery(query, document))
      .map((each) => each.document.thingName);
    const taken = new Set(matching.slice(0, page.limit - found.length));
    const shown = things.items.filter(({ name }) => taken.has(name));
    for (const each of await readDocuments(tx, configuration, shown)) {
      found.push({ document: each.document, shadow: shadowText(each) });
    }
    after = things.next;
    const last = found.at(-1)?.document.thingName;
    // More may match among the things that come after the last one, here or on a later page.
    const more = taken.size < matching.length || after !== undefined;
    if (found.length === page.limit && last !== undefined)
      return more ? { items: found, next: last } : { items: found };
    if (after === undefined) return { items: found };
  }
  return { items: found, ...(after === undefined ? {} : { next: after }) };
}
