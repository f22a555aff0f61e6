/** More links than this on one way are a circle, or as good as one. */
const maxHops = 40;

/**
 * True when a symbolic link of an archive leads to somewhere inside of it, over whatever other links of the archive. It is
 * followed as the system would follow it, not by its text: with `a -> b/c` and `x -> a/..`, `x` is `b`, not the folder of `a`.
 *
 * @param links every symbolic link of the archive: path below its root, to target.
 */
export function leadsInside(link: string, links: ReadonlyMap<string, string>): boolean {
  const at = link.split('/').slice(0, -1);
  const ahead = (links.get(link) ?? '').split('/').reverse();
  if (isAbsolute(links.get(link))) return false;
  for (let hops = 0; ahead.length > 0; ) {
    const segment = ahead.pop();
    if (segment === '' || segment === '.' || segment === undefined) continue;
    if (segment === '..') {
      if (at.pop() === undefined) return false;
      continue;
    }
    const target = links.get([...at, segment].join('/'));
    if (target === undefined) {
      at.push(segment);
      continue;
    }
    hops += 1;
    if (hops > maxHops || isAbsolute(target)) return false;
    ahead.push(...target.split('/').reverse());
  }
  return true;
}

function isAbsolute(target: string | undefined): boolean {
  return target === undefined || target === '' || target.startsWith('/');
}

/** True when a path goes through one of the links. */
export function passesLink(path: string, links: ReadonlyMap<string, string>): boolean {
  const segments = path.split('/');
  return segments.some((_, index) => index > 0 && links.has(segments.slice(0, index).join('/')));
}
