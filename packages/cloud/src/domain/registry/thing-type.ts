/** A thing type: what things of one kind have in common. Times are epoch milliseconds. */
export interface ThingType {
  readonly name: string;
  readonly id: string;
  readonly description?: string;
  readonly searchableAttributes: readonly string[];
  readonly createdAt: number;
  /** Present while it is deprecated: no thing is given it then. */
  readonly deprecatedAt?: number;
}

/** IoT: attributes of a thing without a type, and with one. */
const maxUntypedAttributes = 3;
const maxTypedAttributes = 50;
const maxSearchable = 3;
/** IoT: a type may be deleted so long after its deprecation. */
const graceMs = 300_000;

/** IoT: how many attributes a thing may have. */
export function attributeLimit(typeName: string | undefined): number {
  return typeName === undefined ? maxUntypedAttributes : maxTypedAttributes;
}

/** Why such a type is refused, or undefined. */
export function searchableRefusal(attributes: readonly string[]): string | undefined {
  return attributes.length > maxSearchable ? `At most ${maxSearchable} searchable attributes are allowed.` : undefined;
}

/** IoT: creating a type again with the same properties is accepted. */
export function sameType(a: ThingType, b: Pick<ThingType, 'description' | 'searchableAttributes'>): boolean {
  const searchable = [a, b].map((type) => [...type.searchableAttributes].sort().join(' '));
  return a.description === b.description && searchable[0] === searchable[1];
}

/** Why a type cannot be deleted, or undefined when it can. */
export function deletionRefusal({ name, deprecatedAt }: ThingType, isUsed: boolean, now: number): string | undefined {
  if (deprecatedAt === undefined) return `Cannot delete thing type ${name}: it is not deprecated.`;
  if (now - deprecatedAt < graceMs) {
    return `Cannot delete thing type ${name}: please wait for 5 minutes after deprecation.`;
  }
  return isUsed ? `Cannot delete thing type ${name}: there are things of it.` : undefined;
}
