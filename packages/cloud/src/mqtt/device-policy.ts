import { parseReservedTopic } from '@greensward/protocol/topics';

// The floor below every policy: what is reserved for a thing is for that thing alone. `things` are those that the certificate of a
// connection is attached to.

/** True for topics that a device may publish to if its policies allow: requests about itself, and all that is not reserved. */
export function mayPublish(things: readonly string[], topic: string): boolean {
  if (!topic.startsWith('$')) return true;
  const thing = ownerOf(things, topic);
  if (thing === undefined) return false;
  const reserved = parseReservedTopic(topic);
  if (reserved === undefined) return true; // Answered as unknown.
  // Answers and notifications are the service's to send.
  if ('response' in reserved || reserved.kind === 'jobs-notify' || reserved.kind === 'jobs-notify-next') return false;
  // The companion thing has shadows only: it is no core device.
  return reserved.thing === thing || reserved.kind.startsWith('shadow-');
}

/** True for filters that can only match what the device may receive: a wildcard never reaches `$` topics from the root. */
export function maySubscribe(things: readonly string[], filter: string): boolean {
  return !filter.startsWith('$') || ownerOf(things, filter) !== undefined;
}

/** True for topics that may be delivered to the device. */
export function mayReceive(things: readonly string[], topic: string): boolean {
  return !topic.startsWith('$') || ownerOf(things, topic) !== undefined;
}

/** The one of the things whose topic or filter this is. `{T}-gci` is the companion thing that holds the connectivity of T. */
function ownerOf(things: readonly string[], topicOrFilter: string): string | undefined {
  return (
    things.find((thing) => topicOrFilter.startsWith(`$aws/things/${thing}/`)) ??
    things.find((thing) => topicOrFilter.startsWith(`$aws/things/${thing}-gci/`))
  );
}
