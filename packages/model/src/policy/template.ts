import type { GlobToken } from './glob.ts';
import { malformed } from './malformed.ts';
import type { PolicyContext } from './policy-context.ts';
import { canonicalKey } from './policy-context.ts';

/** A piece of a policy's string: text, a wildcard, or a policy variable that is replaced by a value of the context. */
export type TemplateToken =
  | GlobToken
  | { readonly kind: 'variable'; readonly key: string; readonly fallback: string | undefined };

const ESCAPES = new Set(['*', '?', '$']);

/**
 * Reads `${key}`, `${key, 'default'}` and the escapes `${*}` `${?}` `${$}` (IAM: Variables and tags), and with `wildcards`
 * also `*` and `?`. A `$` without a brace is itself, as in `$aws/things`.
 * Throws MalformedPolicyException for a variable that is not closed or has no name.
 */
export function parseTemplate(source: string, wildcards: boolean): readonly TemplateToken[] {
  const tokens: TemplateToken[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') tokens.push({ kind: 'text', text });
    text = '';
  };
  for (let at = 0; at < source.length; ) {
    const char = source.charAt(at);
    if (char === '$' && source.charAt(at + 1) === '{') {
      const end = source.indexOf('}', at);
      if (end < 0) throw malformed(`the variable at character ${at} is not closed`);
      const name = source.slice(at + 2, end);
      if (ESCAPES.has(name)) text += name;
      else {
        flush();
        tokens.push(parseVariable(name));
      }
      at = end + 1;
    } else {
      if (wildcards && (char === '*' || char === '?')) {
        flush();
        tokens.push({ kind: char === '*' ? 'any' : 'one' });
      } else text += char;
      at++;
    }
  }
  flush();
  return tokens;
}

function parseVariable(source: string): TemplateToken {
  const comma = source.indexOf(',');
  const key = canonicalKey((comma < 0 ? source : source.slice(0, comma)).trim());
  if (key === '') throw malformed('a policy variable has no name');
  if (comma < 0) return { kind: 'variable', key, fallback: undefined };
  const quoted = source.slice(comma + 1).trim();
  if (quoted.length < 2 || !quoted.startsWith("'") || !quoted.endsWith("'")) {
    throw malformed(`the default of the variable ${key} is not in single quotes`);
  }
  return { kind: 'variable', key, fallback: quoted.slice(1, -1) };
}

/**
 * The tokens with the variables replaced by text, so that no character of a value acts as a wildcard or as another variable;
 * undefined when a variable has no single value that may stand for it.
 */
export function bind(tokens: readonly TemplateToken[], context: PolicyContext): readonly GlobToken[] | undefined {
  const bound: GlobToken[] = [];
  for (const token of tokens) {
    if (token.kind === 'variable') {
      const value = context.get(token.key) ?? token.fallback;
      if (typeof value !== 'string' || !mayReplace(token.key, value)) return undefined;
      bound.push({ kind: 'text', text: value });
    } else bound.push(token);
  }
  return bound;
}

/** IoT: Certificate policy variable limitations: no wildcard characters, no more than 1024 characters. */
function mayReplace(key: string, value: string): boolean {
  return !key.startsWith('iot:certificate.') || (value.length <= 1024 && !/[*?$+#]/.test(value));
}

/** True for tokens that mean the same in every context. */
export function isConstant(tokens: readonly TemplateToken[]): tokens is readonly GlobToken[] {
  return tokens.every((token) => token.kind !== 'variable');
}
