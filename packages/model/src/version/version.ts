// Component versions and version requirements. Requirements are npm ranges; npm's own implementation decides.
import Range from 'semver/classes/range.js';
import compareBuild from 'semver/functions/compare-build.js';
import rangesIntersect from 'semver/ranges/intersects.js';

const MAX_VERSION_LENGTH = 64;
const MAX_REQUIREMENT_LENGTH = 4096;

// semver.org's grammar, each numeric part of at most 6 digits (a rule of recipes, not of semver).
const VERSION =
  /^(?:0|[1-9]\d{0,5})(?:\.(?:0|[1-9]\d{0,5})){2}(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*)?(?:\+[\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*)?$/;

/** True for `x.y.z[-pre][+build]` of at most 64 characters, x, y and z at most 999999. */
export function isVersion(text: string): boolean {
  return text.length <= MAX_VERSION_LENGTH && VERSION.test(text);
}

/** Semver precedence: negative when `a` is lower. Builds of equal precedence are ordered too, so that sorting is stable. */
export function compareVersions(a: string, b: string): number {
  return compareBuild(a, b);
}

/** True for an npm range, `==x.y.z` included (the form in which deployments pin their root components). */
export function isRequirement(text: string): boolean {
  return parse(text) !== undefined;
}

/** npm rules: a prerelease matches only where a comparator of the same x.y.z names one. A bad requirement matches nothing. */
export function satisfies(version: string, requirement: string): boolean {
  return isVersion(version) && (parse(requirement)?.test(version) ?? false);
}

/**
 * The highest version that satisfies every requirement, or undefined. Each requirement is evaluated by itself: joining them
 * into one text, as the Java nucleus does, lets an `||` of one requirer escape the bounds of another.
 */
export function highest(versions: Iterable<string>, requirements: Iterable<string>): string | undefined {
  const ranges: Range[] = [];
  for (const requirement of requirements) {
    const range = parse(requirement);
    if (range === undefined) return undefined;
    ranges.push(range);
  }
  let best: string | undefined;
  for (const version of versions) {
    if (!isVersion(version) || !ranges.every((range) => range.test(version))) continue;
    if (best === undefined || compareBuild(version, best) > 0) best = version;
  }
  return best;
}

/** The one version that `requirement` pins (`1.2.0`, `=1.2.0`, `==1.2.0`), or undefined when it is a range. */
export function pinnedVersion(requirement: string): string | undefined {
  const version = requirement.trim().replace(/^={0,2}\s*/, '');
  return isVersion(version) ? version : undefined;
}

/** False only when no version can satisfy both requirements. */
export function compatible(a: string, b: string): boolean {
  const [pinA, pinB] = [pinnedVersion(a), pinnedVersion(b)];
  if (pinA !== undefined) return satisfies(pinA, b);
  if (pinB !== undefined) return satisfies(pinB, a);
  const [rangeA, rangeB] = [parse(a), parse(b)];
  return rangeA !== undefined && rangeB !== undefined && rangesIntersect(rangeA, rangeB);
}

function parse(requirement: string): Range | undefined {
  if (requirement.length > MAX_REQUIREMENT_LENGTH) return undefined;
  try {
    // npm writes an exact version `1.2.0` or `=1.2.0`; semver4j and the deployment documents of the nucleus also `==1.2.0`.
    return new Range(requirement.replaceAll('==', '='));
  } catch {
    return undefined;
  }
}
