import { iotInvalid } from '../faults.ts';

/** What of things the fleet index has. */
export interface IndexingConfiguration {
  readonly mode: 'OFF' | 'REGISTRY' | 'REGISTRY_AND_SHADOW';
  readonly connectivity: boolean;
  readonly namedShadows: 'none' | 'all' | readonly string[];
  /** Kept and shown: they are for aggregations, which are missing. */
  readonly customFields: readonly IndexField[];
}

export interface IndexField {
  readonly name: string;
  readonly type: 'Boolean' | 'Number' | 'String';
}

/** Nothing is copied into an index here, so all is in it unless somebody says otherwise. */
export const everything: IndexingConfiguration = {
  mode: 'REGISTRY_AND_SHADOW',
  connectivity: true,
  namedShadows: 'all',
  customFields: [],
};

/** IoT: the one index of things, and the one version of its query language. */
export const thingIndex = 'AWS_Things';
export const queryVersion = '2017-09-30';

/** Refuses, with InvalidRequestException, what contradicts itself: shadows or connections of things that are not indexed. */
export function checkConfiguration({ mode, connectivity, namedShadows }: IndexingConfiguration): void {
  if (mode === 'OFF' && connectivity) {
    throw iotInvalid('thingConnectivityIndexingMode: must be OFF when thingIndexingMode is OFF');
  }
  if (mode === 'OFF' && namedShadows !== 'none') {
    throw iotInvalid('namedShadowIndexingMode: must be OFF when thingIndexingMode is OFF');
  }
}

/** True when the index has this shadow; '' is the classic one. */
export function hasShadow({ mode, namedShadows }: IndexingConfiguration, name: string): boolean {
  if (name === '') return mode === 'REGISTRY_AND_SHADOW';
  if (mode === 'OFF') return false;
  return namedShadows === 'all' || (namedShadows !== 'none' && namedShadows.includes(name));
}

/** The fields that the index has by itself, with their types. */
export function managedFields(configuration: IndexingConfiguration): readonly IndexField[] {
  const { mode, connectivity } = configuration;
  if (mode === 'OFF') return [];
  return [
    { name: 'thingId', type: 'String' },
    { name: 'thingName', type: 'String' },
    { name: 'registry.thingTypeName', type: 'String' },
    { name: 'registry.thingGroupNames', type: 'String' },
    ...(mode === 'REGISTRY_AND_SHADOW' ? [{ name: 'shadow.hasDelta', type: 'Boolean' } as const] : []),
    ...(connectivity
      ? ([
          { name: 'connectivity.connected', type: 'Boolean' },
          { name: 'connectivity.timestamp', type: 'Number' },
          { name: 'connectivity.disconnectReason', type: 'String' },
        ] as const)
      : []),
  ];
}
