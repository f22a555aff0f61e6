/** The values of one filter, by key: most have one, so the Map comes with the second. */
class Values<K, V> {
  #key: K;
  #value: V;
  #all: Map<K, V> | undefined;

  constructor(key: K, value: V) {
    this.#key = key;
    this.#value = value;
  }

  /** Returns the value it replaces; undefined when there was none. */
  set(key: K, value: V): V | undefined {
    if (!this.#all && key === this.#key) {
      const before = this.#value;
      this.#value = value;
      return before;
    }
    this.#all ??= new Map([[this.#key, this.#value]]);
    const before = this.#all.get(key);
    this.#all.set(key, value);
    return before;
  }

  has(key: K): boolean {
    return this.#all ? this.#all.has(key) : key === this.#key;
  }

  /** True when `key` was the only one: then the caller lets go of the whole object. */
  isOnly(key: K): boolean {
    return this.#all ? this.#all.size === 1 && this.#all.has(key) : key === this.#key;
  }

  delete(key: K): void {
    this.#all?.delete(key);
  }

  visit(visit: (key: K, value: V) => void): void {
    if (this.#all) for (const [key, value] of this.#all) visit(key, value);
    else visit(this.#key, this.#value);
  }
}

interface Node<K, V> {
  /** The first child, while it is the only one: most levels of a device's topics have one. */
  level: string | undefined;
  child: Node<K, V> | undefined;
  children: Map<string, Node<K, V>> | undefined;
  plus: Node<K, V> | undefined;
  hash: Node<K, V> | undefined;
  values: Values<K, V> | undefined;
}

/**
 * An index of subscriptions: from a topic to every (key, value) whose filter matches it. Each filter holds one value a
 * key. The cost of a match is bounded by the nodes that match, not by the number of filters. Filters and topics are
 * expected to be valid (`isTopicFilter`, `isTopicName`) and compared as they are [v3 4.7.3-4] [v5 4.7.3-4]. All names live
 * in Maps, so none is special (`__proto__`). Filters without a wildcard, which are most, cost one entry of one Map.
 */
export class TopicTrie<K, V> {
  readonly #exact = new Map<string, Values<K, V>>();
  readonly #root: Node<K, V> = newNode();
  #size = 0;

  /** Number of (filter, key) pairs held. */
  get size(): number {
    return this.#size;
  }

  /** Sets the value of `key` at `filter`; returns the one it replaces. */
  set(filter: string, key: K, value: V): V | undefined {
    if (!isWild(filter)) {
      const known = this.#exact.get(filter);
      if (known) return this.#replace(known, key, value);
      this.#exact.set(filter, new Values(key, value));
      this.#size++;
      return undefined;
    }
    let node = this.#root;
    for (const level of filter.split('/')) node = grow(node, level);
    if (node.values) return this.#replace(node.values, key, value);
    node.values = new Values(key, value);
    this.#size++;
    return undefined;
  }

  /** Removes `key` from `filter` and prunes what became empty; false when it was not there. */
  delete(filter: string, key: K): boolean {
    const path = isWild(filter) ? this.#pathTo(filter) : undefined;
    const last = path?.at(-1);
    const values = path ? last?.values : this.#exact.get(filter);
    if (!values?.has(key)) return false;
    this.#size--;
    if (!values.isOnly(key)) values.delete(key);
    else if (!path || !last) this.#exact.delete(filter);
    else {
      last.values = undefined;
      pruneAll(path, filter.split('/'));
    }
    return true;
  }

  /** Calls `visit` for each (key, value) of each filter that matches `topic`: a key once for each such filter. */
  match(topic: string, visit: (key: K, value: V) => void): void {
    this.#exact.get(topic)?.visit(visit);
    if (!isEmpty(this.#root)) walk(this.#root, topic.split('/'), 0, topic.startsWith('$'), visit);
  }

  #replace(values: Values<K, V>, key: K, value: V): V | undefined {
    if (!values.has(key)) this.#size++;
    return values.set(key, value);
  }

  /** The nodes from the root to that of `filter`; undefined when there is none. */
  #pathTo(filter: string): Node<K, V>[] | undefined {
    const path = [this.#root];
    for (const level of filter.split('/')) {
      const at = path.at(-1);
      const next = at && childAt(at, level);
      if (!next) return undefined;
      path.push(next);
    }
    return path;
  }
}

function isWild(filter: string): boolean {
  return filter.includes('+') || filter.includes('#');
}

function walk<K, V>(
  node: Node<K, V>,
  levels: readonly string[],
  depth: number,
  reserved: boolean,
  visit: (key: K, value: V) => void,
): void {
  // A root wildcard does not match a topic that starts with `$` [v3 4.7.2-1] [v5 4.7.2-1].
  const wild = depth > 0 || !reserved;
  // `#` stands for this level, all below it, and the parent itself.
  if (wild) node.hash?.values?.visit(visit);
  const level = levels[depth];
  if (level === undefined) {
    node.values?.visit(visit);
    return;
  }
  const child = node.level === level ? node.child : node.children?.get(level);
  if (child) walk(child, levels, depth + 1, reserved, visit);
  if (wild && node.plus) walk(node.plus, levels, depth + 1, reserved, visit);
}

function newNode<K, V>(): Node<K, V> {
  return {
    level: undefined,
    child: undefined,
    children: undefined,
    plus: undefined,
    hash: undefined,
    values: undefined,
  };
}

function childAt<K, V>(node: Node<K, V>, level: string): Node<K, V> | undefined {
  if (level === '+') return node.plus;
  if (level === '#') return node.hash;
  return node.level === level ? node.child : node.children?.get(level);
}

function grow<K, V>(node: Node<K, V>, level: string): Node<K, V> {
  const found = childAt(node, level);
  if (found) return found;
  const made = newNode<K, V>();
  if (level === '+') node.plus = made;
  else if (level === '#') node.hash = made;
  else if (node.level === undefined && !node.children) {
    node.level = level;
    node.child = made;
  } else {
    node.children ??= new Map();
    node.children.set(level, made);
  }
  return made;
}

function pruneAll<K, V>(path: readonly Node<K, V>[], levels: readonly string[]): void {
  for (let depth = levels.length; depth > 0; depth--) {
    const node = path[depth];
    const parent = path[depth - 1];
    const level = levels[depth - 1];
    if (!node || !parent || level === undefined || !isEmpty(node)) return;
    prune(parent, level);
  }
}

function prune<K, V>(node: Node<K, V>, level: string): void {
  if (level === '+') node.plus = undefined;
  else if (level === '#') node.hash = undefined;
  else if (node.level === level) {
    node.level = undefined;
    node.child = undefined;
  } else {
    node.children?.delete(level);
    if (node.children?.size === 0) node.children = undefined;
  }
}

function isEmpty<K, V>(node: Node<K, V>): boolean {
  return !node.child && !node.children && !node.plus && !node.hash && !node.values;
}
