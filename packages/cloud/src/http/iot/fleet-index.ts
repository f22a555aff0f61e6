import { Fault } from '@greensward/kit';
import type { iot, ThingIndexingConfiguration } from '@greensward/protocol/iot';
import {
  type IndexingConfiguration,
  managedFields,
  thingIndex,
} from '../../domain/fleet-index/indexing-configuration.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type FleetIndexHandlers = Pick<
  Handlers<typeof iot.operations>,
  'SearchIndex' | 'ListIndices' | 'DescribeIndex' | 'GetIndexingConfiguration' | 'UpdateIndexingConfiguration'
>;

/** IoT: things of one answer. */
const maxFound = 100;

export const fleetIndexHandlers: FleetIndexHandlers = {
  async SearchIndex({ queryString, indexName, queryVersion, nextToken, maxResults = maxFound }, { app }) {
    if (maxResults > maxFound) throw unsupported(`maxResults: must be at most ${maxFound}`);
    const pages = pager('SearchIndex', { queryString });
    const page = await app.fleetIndex.search(
      { query: queryString, index: { name: indexName, version: queryVersion } },
      pages.request(nextToken, maxResults),
    );
    const things = page.items.map(({ document, shadow }) => ({
      thingName: document.thingName,
      thingId: document.thingId,
      thingTypeName: document.thingTypeName,
      thingGroupNames: document.thingGroupNames.length === 0 ? undefined : document.thingGroupNames,
      attributes: document.attributes,
      shadow,
      connectivity: document.connectivity,
    }));
    return { things, nextToken: pages.token(page.next) };
  },

  async ListIndices(_, { app }) {
    return { indexNames: await app.fleetIndex.indices() };
  },

  async DescribeIndex({ indexName }, { app }) {
    const { mode, connectivity } = await app.fleetIndex.describe(indexName);
    const schema = connectivity ? (`${mode}_AND_CONNECTIVITY_STATUS` as const) : mode;
    return { indexName: thingIndex, indexStatus: 'ACTIVE', schema };
  },

  async GetIndexingConfiguration(_, { app }) {
    return {
      thingIndexingConfiguration: viewOf(await app.fleetIndex.configuration()),
      thingGroupIndexingConfiguration: { thingGroupIndexingMode: 'OFF' },
    };
  },

  async UpdateIndexingConfiguration({ thingIndexingConfiguration, thingGroupIndexingConfiguration }, { app }) {
    if (thingGroupIndexingConfiguration?.thingGroupIndexingMode === 'ON') {
      throw unsupported('thingGroupIndexingMode: thing groups cannot be searched');
    }
    if (thingIndexingConfiguration !== undefined) {
      await app.fleetIndex.configure(configurationOf(thingIndexingConfiguration));
    }
    return {};
  },
};

/** IoT: what is not given is not indexed. */
function configurationOf(given: ThingIndexingConfiguration): IndexingConfiguration {
  if (given.deviceDefenderIndexingMode === 'VIOLATIONS') {
    throw unsupported('deviceDefenderIndexingMode: there is no Device Defender');
  }
  if ((given.filter?.geoLocations ?? []).length > 0) {
    throw unsupported('filter.geoLocations: queries of places are not supported');
  }
  const named = given.filter?.namedShadowNames;
  return {
    mode: given.thingIndexingMode,
    connectivity: given.thingConnectivityIndexingMode === 'STATUS',
    namedShadows: given.namedShadowIndexingMode === 'ON' ? (named ?? 'all') : 'none',
    customFields: (given.customFields ?? []).map(({ name = '', type = 'String' }) => ({ name, type })),
  };
}

function viewOf(configuration: IndexingConfiguration): ThingIndexingConfiguration {
  const { mode, connectivity, namedShadows, customFields } = configuration;
  return {
    thingIndexingMode: mode,
    thingConnectivityIndexingMode: connectivity ? 'STATUS' : 'OFF',
    deviceDefenderIndexingMode: 'OFF',
    namedShadowIndexingMode: namedShadows === 'none' ? 'OFF' : 'ON',
    managedFields: managedFields(configuration),
    customFields,
    ...(typeof namedShadows === 'string' ? {} : { filter: { namedShadowNames: namedShadows } }),
  };
}

function unsupported(message: string): Fault {
  return new Fault('InvalidRequestException', message);
}
