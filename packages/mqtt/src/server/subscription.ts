import { isTopicFilter } from '../topic/topic.ts';

export interface Subscription {
  /** As the client wrote it, `$share/...` included. */
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Of MQTT 5; goes with every message that matches. */
  readonly identifier: number | undefined;
}

const SHARE = '$share/';

/** The two parts of the filter of a shared subscription. */
export interface SharedFilter {
  readonly shareName: string;
  readonly filter: string;
}

/** True for the filter of a shared subscription, valid or not: for MQTT 5, and for 3.1.1 too, as AWS IoT has it. */
export function isShared(filter: string): boolean {
  return filter.startsWith(SHARE);
}

/**
 * Splits `$share/{name}/{filter}`; undefined when it is not one: the name has a character at least [v5 4.8.2-1], none of
 * `/`, `+` and `#`, and a filter follows [v5 4.8.2-2].
 */
export function parseShared(filter: string): SharedFilter | undefined {
  const slash = filter.indexOf('/', SHARE.length);
  if (!isShared(filter) || slash <= SHARE.length) return undefined;
  const shareName = filter.slice(SHARE.length, slash);
  const rest = filter.slice(slash + 1);
  if (shareName.includes('+') || shareName.includes('#') || !isTopicFilter(rest)) return undefined;
  return { shareName, filter: rest };
}

/** Bytes that a subscription costs a session. */
export function costOf({ filter }: Subscription): number {
  return 256 + filter.length * 2;
}
