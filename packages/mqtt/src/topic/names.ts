const MAX_BYTES = 65535;
/** Our own bound: MQTT has none, but a topic of 65,535 slashes would make a trie of as many nodes. */
const MAX_LEVELS = 256;

const NUL = 0;
const HASH = 0x23;
const PLUS = 0x2b;
const SLASH = 0x2f;

/**
 * True for a topic that may be published to: 1 to 65,535 bytes of UTF-8, without U+0000 [v3 4.7.3-1 4.7.3-2 4.7.3-3]
 * [v5 4.7.3-1 4.7.3-2 4.7.3-3], without wildcards [v3 4.7.1-1] [v5 4.7.0-1], at most 256 levels.
 */
export function isTopicName(topic: string): boolean {
  if (!isPlainText(topic)) return false;
  let levels = 1;
  for (let at = 0; at < topic.length; at++) {
    const unit = topic.charCodeAt(at);
    if (unit === SLASH) levels++;
    else if (unit === PLUS || unit === HASH || unit === NUL) return false;
  }
  return levels <= MAX_LEVELS;
}

/**
 * True for a filter that may be subscribed to: as a topic name, but `+` may fill a whole level, `#` a whole last one
 * [v3 4.7.1-2 4.7.1-3] [v5 4.7.1-1 4.7.1-2]. A shared subscription (`$share/group/filter`) is judged as plain text here.
 */
export function isTopicFilter(filter: string): boolean {
  if (!isPlainText(filter)) return false;
  let levels = 1;
  for (let at = 0; at < filter.length; at++) {
    const unit = filter.charCodeAt(at);
    if (unit === NUL) return false;
    if (unit === SLASH) levels++;
    else if (unit === PLUS || unit === HASH) {
      const startsLevel = at === 0 || filter.charCodeAt(at - 1) === SLASH;
      const endsFilter = at === filter.length - 1;
      const endsLevel = endsFilter || (unit === PLUS && filter.charCodeAt(at + 1) === SLASH);
      if (!startsLevel || !endsLevel) return false;
    }
  }
  return levels <= MAX_LEVELS;
}

function isPlainText(text: string): boolean {
  if (text.length === 0 || text.length > MAX_BYTES || !text.isWellFormed()) return false;
  // A UTF-16 unit takes at most 3 bytes of UTF-8, so most topics need no count.
  return text.length * 3 <= MAX_BYTES || utf8Length(text) <= MAX_BYTES;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xe000)
      bytes += 2; // half of a pair that takes 4
    else bytes += 3;
  }
  return bytes;
}
