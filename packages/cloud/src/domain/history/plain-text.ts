/**
 * A text that anybody may have sent, as one line of at most `max` UTF-16 units that every database can keep: no control
 * characters, no half of a surrogate pair.
 */
export function plainText(text: string, max: number): string {
  // Cut first: what follows need not look at megabytes.
  return text
    .slice(0, max * 2)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, max)
    .replace(/[\uD800-\uDBFF]$/, '')
    .toWellFormed();
}
