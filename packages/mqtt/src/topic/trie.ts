interface Node<K, V> {
  children: Map<string, Node<K, V>> | undefined;
  plus: Node<K, V> | undefined;
  hash: Node<K, V> | undefined;
  entries: Map<K, V> | undefined;
}

/**
 * An index of subscriptions: from a topic to every (key, value) whose filter matches it. Each filter holds one value a
 * key. The cost of a match is bounded by the nodes that match, not by the number of filters. Filters and topics are
 * expected to be valid (`isTopicFilter`, `isTopicName`). Levels live in Maps, so no name is special (`__proto__`).
 */
export class TopicTrie<K, V> {
  readonly #root: Node<K, V> = newNode();
  #size = 0;

  /** Number of (filter, key) pairs held. */
  get size(): number {
    return this.#size;
  }

  /** Sets the value of `key` at `filter`; returns the one it replaces. */
  set(filter: string, key: K, value: V): V | undefined {
    let node = this.#root;
    for (const level of filter.split('/')) node = grow(node, level);
    node.entries ??= new Map();
    const before = node.entries.get(key);
    if (!node.entries.has(key)) this.#size++;
    node.entries.set(key, value);
    return before;
  }

  /** Removes `key` from `filter` and prunes what became empty; false when it was not there. */
  delete(filter: string, key: K): boolean {
    const levels = filter.split('/');
    const path: Node<K, V>[] = [this.#root];
    for (const level of levels) {
      const at = path.at(-1);
      const next = at && childAt(at, level);
      if (!next) return false;
      path.push(next);
    }
    const last = path.at(-1);
    if (!last?.entries?.delete(key)) return false;
    this.#size--;
    if (last.entries.size === 0) last.entries = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth];
      const parent = path[depth - 1];
      const level = levels[depth - 1];
      if (!node || !parent || level === undefined || !isEmpty(node)) break;
      prune(parent, level);
    }
    return true;
  }

  /** Calls `visit` for each (key, value) of each filter that matches `topic`: a key once for each such filter. */
  match(topic: string, visit: (key: K, value: V) => void): void {
    const levels = topic.split('/');
    walk(this.#root, levels, 0, topic.startsWith('$'), visit);
  }
}

function walk<K, V>(
  node: Node<K, V>,
  levels: readonly string[],
  depth: number,
  reserved: boolean,
  visit: (key: K, value: V) => void,
): void {
  // [MQTT-4.7.2-1] A root wildcard does not match a topic that starts with `$`.
  const wild = depth > 0 || !reserved;
  // `#` stands for this level, all below it, and the parent itself.
  if (wild && node.hash) visitAll(node.hash, visit);
  const level = levels[depth];
  if (level === undefined) {
    visitAll(node, visit);
    return;
  }
  const child = node.children?.get(level);
  if (child) walk(child, levels, depth + 1, reserved, visit);
  if (wild && node.plus) walk(node.plus, levels, depth + 1, reserved, visit);
}

function visitAll<K, V>(node: Node<K, V>, visit: (key: K, value: V) => void): void {
  if (node.entries) for (const [key, value] of node.entries) visit(key, value);
}

function newNode<K, V>(): Node<K, V> {
  return { children: undefined, plus: undefined, hash: undefined, entries: undefined };
}

function childAt<K, V>(node: Node<K, V>, level: string): Node<K, V> | undefined {
  if (level === '+') return node.plus;
  if (level === '#') return node.hash;
  return node.children?.get(level);
}

function grow<K, V>(node: Node<K, V>, level: string): Node<K, V> {
  const found = childAt(node, level);
  if (found) return found;
  const made = newNode<K, V>();
  if (level === '+') node.plus = made;
  else if (level === '#') node.hash = made;
  else {
    node.children ??= new Map();
    node.children.set(level, made);
  }
  return made;
}

function prune<K, V>(node: Node<K, V>, level: string): void {
  if (level === '+') node.plus = undefined;
  else if (level === '#') node.hash = undefined;
  else {
    node.children?.delete(level);
    if (node.children?.size === 0) node.children = undefined;
  }
}

function isEmpty<K, V>(node: Node<K, V>): boolean {
  return !node.children && !node.plus && !node.hash && !node.entries;
}
