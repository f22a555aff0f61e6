import { parseReservedTopic } from '@greensward/protocol/topics';

// The identity rule, until IoT policies are evaluated: a device uses what is its own.

/**
 * The thing that a client id acts for: `{T}` or `{T}#...` of a thing that the certificate is attached to; undefined when it
 * is none of them. Nothing else: the name of a thing has no `#`, while `{T}-2` may be another thing, whose connection a
 * client of that name would take over.
 */
export function thingOfClient(clientId: string, things: readonly string[]): string | undefined {
  return things.find((thing) => clientId === thing || clientId.startsWith(`${thing}#`));
}

/** True for topics that a device may publish to: requests about itself, and all that is not reserved. */
export function mayPublish(thing: string, topic: string): boolean {
  if (!topic.startsWith('$')) return true;
  if (!isOwn(thing, topic)) return false;
  const reserved = parseReservedTopic(topic);
  if (reserved === undefined) return true; // Answered as unknown.
  // Answers and notifications are the service's to send.
  if ('response' in reserved || reserved.kind === 'jobs-notify' || reserved.kind === 'jobs-notify-next') return false;
  // The companion thing has shadows only: it is no core device.
  return reserved.thing === thing || reserved.kind.startsWith('shadow-');
}

/** True for filters that can only match what the device may receive: a wildcard never reaches `$` topics from the root. */
export function maySubscribe(thing: string, filter: string): boolean {
  return !filter.startsWith('$') || isOwn(thing, filter);
}

/** True for topics that may be delivered to the device. */
export function mayReceive(thing: string, topic: string): boolean {
  return !topic.startsWith('$') || isOwn(thing, topic);
}

/** `{T}-gci` is the companion thing that holds the connectivity of a core device. */
function isOwn(thing: string, topicOrFilter: string): boolean {
  return topicOrFilter.startsWith(`$aws/things/${thing}/`) || topicOrFilter.startsWith(`$aws/things/${thing}-gci/`);
}
