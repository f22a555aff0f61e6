import { isJsonObject } from '@greensward/kit';

/** Why a policy document is malformed, or undefined. IoT: JSON with Version and Statement, 2048 characters without white space. */
export function policyDocumentError(document: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch {
    return 'The policy document is not JSON.';
  }
  if (!isJsonObject(parsed)) return 'The policy document is not a JSON object.';
  if (parsed['Version'] !== '2012-10-17') return 'Version must be 2012-10-17.';
  const { Statement: statement } = parsed;
  const statements: readonly unknown[] = Array.isArray(statement) ? statement : [statement];
  if (statements.length === 0 || !statements.every(isStatement)) {
    return 'Statement must be a list of objects with Effect (Allow or Deny), Action and Resource.';
  }
  return document.replace(/\s/g, '').length > 2048 ? 'The policy document is longer than 2048 characters.' : undefined;
}

function isStatement(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { Effect: effect, Action: action, Resource: resource } = value;
  return (effect === 'Allow' || effect === 'Deny') && action !== undefined && resource !== undefined;
}
