/**
 * Whether a message on `topic` belongs to a subscription to `filter`, both valid. `#` also matches its parent level
 * (`a/#` matches `a`); a filter that starts with a wildcard matches no topic that starts with `$`
 * [v3 4.7.2-1] [v5 4.7.2-1].
 */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (let depth = 0; depth < wanted.length; depth++) {
    const part = wanted[depth];
    if (part === '#') return true;
    if (depth >= levels.length || (part !== '+' && part !== levels[depth])) return false;
  }
  return wanted.length === levels.length;
}
