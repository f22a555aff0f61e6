import type { IndexingConfiguration } from '../domain/fleet-index/indexing-configuration.ts';
import type { ThingConnection } from '../domain/fleet-index/thing-connection.ts';
import type { Thing } from '../domain/registry/registry.ts';
import type { ThingType } from '../domain/registry/thing-type.ts';
import type { ShadowRecord } from '../domain/shadow/shadow-record.ts';
import type { Page, PageRequest } from './storage.ts';

/** A dynamic thing group as its members are found. */
export interface DynamicGroup {
  readonly name: string;
  readonly query: string;
  /** Absent: ACTIVE. Else the members among the things up to this name, in order, have been found. */
  readonly builtUpTo?: string;
}

/**
 * A thing, and what has changed of it since its groups were found: `thing` when it is new, else sources as
 * `@greensward/model/fleet-query` names them.
 */
export interface ThingChange {
  readonly thing: string;
  readonly sources: readonly string[];
}

/**
 * What the members of dynamic thing groups are found with. Every store notes, in the transaction of the change, what it
 * changes of a thing, if the query of any group looks at it.
 */
export interface FleetIndexStore {
  dynamicGroups(): Promise<readonly DynamicGroup[]>;
  /** Gives a group its query, and begins to find its members anew; the ones that it has stay until then. */
  define(group: string, query: string, sources: readonly string[]): Promise<void>;
  /** How far the members have been found; undefined for all. */
  setBuilt(group: string, upTo: string | undefined): Promise<void>;
  /** The members of all dynamic groups are to be found anew. */
  rebuildAll(): Promise<void>;
  /** Puts things that are not in it into a dynamic group. */
  join(group: string, things: readonly string[], at: number): Promise<void>;
  /** Takes things that are in it out of a dynamic group. */
  leave(group: string, things: readonly string[]): Promise<void>;
  /** Of each thing the dynamic groups that it is in. Every thing has an entry. */
  dynamicGroupsOf(things: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
  /** Of each thing the static groups that it is directly in, by name. Every thing has an entry. */
  staticGroupsOf(things: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** True when there are changes or groups that are not built. */
  isDue(): Promise<boolean>;
  /** Ordered by thing; a page has whole things. */
  changes(page: PageRequest): Promise<Page<ThingChange>>;
  /** Forgets changes, those sources of them that are given. */
  settle(changes: readonly ThingChange[]): Promise<void>;
  /** Those that exist. */
  things(names: readonly string[]): Promise<readonly Thing[]>;
  /** The live shadows of things; with `name` only those of that name. */
  shadows(things: readonly string[], name?: string): Promise<readonly ShadowRecord[]>;
  connections(things: readonly string[]): Promise<ReadonlyMap<string, ThingConnection>>;
  /** One a thing, in place of the one before; those of things that do not exist are dropped. */
  putConnections(connections: readonly ThingConnection[]): Promise<void>;
  /** Every thing that is connected becomes disconnected. */
  disconnectAll(at: number, reason: string): Promise<void>;
  /** Undefined when none was ever set. */
  configuration(): Promise<IndexingConfiguration | undefined>;
  setConfiguration(configuration: IndexingConfiguration): Promise<void>;
}

export interface ThingTypeStore {
  get(name: string): Promise<ThingType | undefined>;
  /** Ordered by name. */
  list(page: PageRequest): Promise<Page<ThingType>>;
  insert(type: ThingType): Promise<void>;
  /** Its deprecation; nothing else of a type changes. */
  update(type: ThingType): Promise<void>;
  delete(name: string): Promise<void>;
  /** True when a thing is of the type. */
  isUsed(name: string): Promise<boolean>;
}
