import { getOwn } from '../json-tools.ts';
import { fullMatch } from './regex.ts';

/** A manifest's `Platform`: attribute name to template; null is the same as an absent key. Names and values keep their case. */
export type Platform = ReadonlyMap<string, string | null>;

/** What a device says of itself: `os`, `architecture`, `architecture.detail` and whatever `platformOverride` adds. */
export type PlatformAttributes = Readonly<Record<string, string>>;

/**
 * True when every template of `platform` accepts the device (recipes: platform matching). Attributes the manifest does not mention
 * are ignored. `/regex/` is a full match by a matcher that can neither hang nor throw; a pattern it refuses matches nothing.
 */
export function matches(platform: Platform, attributes: PlatformAttributes): boolean {
  return mismatch(platform, attributes) === undefined;
}

/** Why `platform` refuses the device, as a sentence part for a message, or undefined when it accepts it. */
export function mismatch(platform: Platform, attributes: PlatformAttributes): string | undefined {
  for (const [name, template] of platform) {
    const reason = attributeMismatch(name, template, getOwn(attributes, name));
    if (reason !== undefined) return `${name}: ${reason}`;
  }
  return undefined;
}

function attributeMismatch(name: string, template: string | null, value: string | undefined): string | undefined {
  if (template === null || template === '*') return undefined;
  if (value === undefined || value === '') return `the device has no such attribute, ${template} is required`;
  if (template.length >= 2 && template.startsWith('/') && template.endsWith('/')) {
    const { matches, reason } = fullMatch(template.slice(1, -1), value);
    if (matches) return undefined;
    return reason === undefined ? `${value} does not match ${template}` : `${template} cannot be used: ${reason}`;
  }
  // Legacy spellings of "any value", from the recipe format before this one.
  if ((name === 'os' || name === 'architecture') && (template === 'all' || template === 'any')) return undefined;
  if (!/^[A-Za-z0-9]/.test(template)) return `${JSON.stringify(template)} is reserved syntax`;
  return template === value ? undefined : `${value} is not ${template}`;
}
