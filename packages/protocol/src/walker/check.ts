import { Fault } from '@greensward/kit';
import type { Constraint } from '../table.ts';

/** One violation, as ValidationException carries it. */
export interface FieldViolation {
  /** Full path from the top of the input: `components.com.example.A.componentVersion`, `reset[0]`. */
  readonly name: string;
  readonly message: string;
}

const MAX_VIOLATIONS = 50;
const MAX_SHOWN = 128;

/** Collects what is wrong with one input. Bounded: a hostile input must not produce an endless answer. */
export class Violations {
  private readonly fields: FieldViolation[] = [];

  add(name: string, message: string): void {
    if (this.fields.length < MAX_VIOLATIONS) this.fields.push({ name, message });
  }

  throwIfAny(): void {
    if (this.fields.length === 0) return;
    const text = this.fields.map((field) => `${field.name} ${field.message}`).join('; ');
    throw invalid('FIELD_VALIDATION_FAILED', `Validation failed: ${text}`, this.fields);
  }
}

/** The fault for input that cannot be accepted. iot services render it as InvalidRequestException at their edge. */
export function invalid(
  reason: 'CANNOT_PARSE' | 'FIELD_VALIDATION_FAILED' | 'UNKNOWN_OPERATION',
  message: string,
  fields: readonly FieldViolation[] = [],
): Fault {
  return new Fault('ValidationException', message, { context: { reason, fields } });
}

/** A map key as it is shown in a path: whole, unless someone made it huge. */
export function member(path: string, key: string): string {
  const shown = key.length <= MAX_SHOWN ? key : `${key.slice(0, MAX_SHOWN)}...`;
  return path === '' ? shown : `${path}.${shown}`;
}

/** What no store of text can keep as it was sent: U+0000, and halves of surrogate pairs. */
export function checkText(value: string, path: string, violations: Violations): void {
  if (value.includes('\0')) violations.add(path, 'must not contain the character U+0000');
  else if (!value.isWellFormed()) violations.add(path, 'must be well-formed Unicode, without half a surrogate pair');
}

export function checkString(value: string, constraint: Constraint, path: string, violations: Violations): void {
  const { min = 0, max = Number.POSITIVE_INFINITY, pattern, legal, values } = constraint;
  if (!lengthWithin(value, min, max)) violations.add(path, `must have a length ${bounds(min, max)}`);
  else if (pattern !== undefined && !pattern.test(value))
    violations.add(path, `must ${legal ?? `match ${pattern.source}`}`);
  if (values !== undefined && !values.includes(value)) violations.add(path, `must be one of ${values.join(', ')}`);
}

export function checkNumber(value: number, constraint: Constraint, path: string, violations: Violations): void {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, decimals = 0 } = constraint;
  if (decimals === 0 && !Number.isInteger(value)) violations.add(path, 'must be an integer');
  else if (fractionDigits(value) > decimals) violations.add(path, `must have at most ${decimals} decimal digits`);
  if (value < min || value > max) violations.add(path, `must be ${bounds(min, max).replace(/^of /, '')}`);
}

export function checkSize(size: number, constraint: Constraint, path: string, violations: Violations): void {
  const { min = 0, max = Number.POSITIVE_INFINITY } = constraint;
  if (size < min || size > max) violations.add(path, `must have a size ${bounds(min, max)}`);
}

/** Lengths count code points, not UTF-16 units; counted only where it can matter. */
function lengthWithin(value: string, min: number, max: number): boolean {
  if (value.length <= max && value.length >= min * 2) return true;
  if (value.length < min || value.length > max * 2) return false;
  let length = 0;
  for (const _ of value) length++;
  return length >= min && length <= max;
}

/** Digits after the point in the shortest decimal form: 1.55 has 2, 5e-7 has 7. */
function fractionDigits(value: number): number {
  const [digits = '', exponent = '0'] = String(value).split('e');
  const fraction = digits.split('.')[1]?.length ?? 0;
  return Math.max(0, fraction - Number(exponent));
}

function bounds(min: number, max: number): string {
  if (min === max) return `of ${shown(min)}`;
  if (max === Number.POSITIVE_INFINITY) return `of at least ${shown(min)}`;
  return min === Number.NEGATIVE_INFINITY ? `of at most ${shown(max)}` : `between ${shown(min)} and ${shown(max)}`;
}

/** All digits of what a double holds: 2^63 - 4096 prints as another number otherwise. */
function shown(value: number): string {
  return Number.isSafeInteger(value) || !Number.isInteger(value) ? String(value) : BigInt(value).toString();
}
