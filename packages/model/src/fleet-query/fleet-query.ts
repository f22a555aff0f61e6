// The query language of fleet indexing, which searches for things and says who is in a dynamic thing group.
export type { ShadowSections, ThingDocument } from './document.ts';
export { matchesQuery } from './evaluate.ts';
export { parseFleetQuery } from './parse.ts';
export type { FleetQuery } from './query.ts';
export { type QuerySource, sourcesOf } from './reads.ts';
