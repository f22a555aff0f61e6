import { compileGlob, type Glob, type GlobToken, matchGlob } from './glob.ts';
import type { PolicyContext } from './policy-context.ts';
import { bind, isConstant, parseTemplate, type TemplateToken } from './template.ts';

/** Whether a text matches in a context; undefined when a variable of the pattern has no value there. */
export type TextTest = (text: string, context: PolicyContext) => boolean | undefined;

const ARN_COMPONENTS = 6;

/** A pattern for ARNs, see {@link compileArnPattern}. */
export interface ArnPattern {
  readonly test: (arn: ArnText, context: PolicyContext) => boolean | undefined;
  /** Canonical keys of the variables in it. */
  readonly variables: readonly string[];
}

/** A text cut at its first five colons. */
export interface ArnText {
  readonly text: string;
  /** Where each component begins. */
  readonly starts: readonly number[];
}

export function cutArn(text: string): ArnText {
  const starts = [0];
  while (starts.length < ARN_COMPONENTS) {
    const colon = text.indexOf(':', starts.at(-1));
    if (colon < 0) break;
    starts.push(colon + 1);
  }
  return { text, starts };
}

/**
 * A pattern whose components are matched one by one (IAM: wildcards do not span the components of an ARN). Otherwise
 * `arn:aws:iot:*:*:topic/x` would match the topic `evil:topic/x`. The last component of a shorter pattern, such as `*` or
 * `arn:aws:iot:*`, is matched with all that follows.
 */
export function compileArnPattern(source: string): ArnPattern {
  const tokens = parseTemplate(source, true);
  const tests = cutTokens(tokens).map((component) => compileTokens(component));
  const test = (arn: ArnText, context: PolicyContext): boolean | undefined => {
    const last = tests.length - 1;
    if (arn.starts.length < tests.length) return false;
    let outcome: boolean | undefined = true;
    // The last component tells most, so it goes first.
    for (let index = last; index >= 0; index--) {
      const next = arn.starts[index + 1];
      const component = arn.text.slice(arn.starts[index], index === last || next === undefined ? undefined : next - 1);
      const matched = tests[index]?.(component, context);
      if (matched === false) return false;
      if (matched === undefined) outcome = undefined;
    }
    return outcome;
  };
  return { test, variables: tokens.flatMap((token) => (token.kind === 'variable' ? [token.key] : [])) };
}

/** A pattern of one text, with wildcards. */
export function compilePattern(source: string): TextTest {
  return compileTokens(parseTemplate(source, true));
}

/** A pattern of one text in which `*` and `?` are themselves. */
export function compileExact(source: string): TextTest {
  return compileTokens(parseTemplate(source, false));
}

/** As {@link compileExact}, whatever the case of the letters on either side. */
export function compileIgnoreCase(source: string): TextTest {
  const test = compileTokens(parseTemplate(source, false), (token) =>
    token.kind === 'text' ? { kind: 'text', text: token.text.toLowerCase() } : token,
  );
  return (text, context) => test(text.toLowerCase(), context);
}

function compileTokens(
  tokens: readonly TemplateToken[],
  adapt: (token: GlobToken) => GlobToken = (token) => token,
): TextTest {
  if (isConstant(tokens)) {
    const glob = compileGlob(tokens.map(adapt));
    return (text) => matchGlob(glob, text);
  }
  const owner = {};
  return (text, context) => {
    const glob = context.globOf(owner, (): Glob | undefined => {
      const bound = bind(tokens, context);
      return bound === undefined ? undefined : compileGlob(bound.map(adapt));
    });
    return glob === undefined ? undefined : matchGlob(glob, text);
  };
}

/** Cut at the first five colons of the policy's own text: those in the value of a variable do not separate. */
function cutTokens(tokens: readonly TemplateToken[]): readonly (readonly TemplateToken[])[] {
  const components: TemplateToken[][] = [[]];
  for (const token of tokens) {
    if (token.kind !== 'text') {
      components.at(-1)?.push(token);
      continue;
    }
    const { starts } = cutArn(token.text);
    const pieces = starts.slice(0, ARN_COMPONENTS - components.length + 1);
    for (const [index, start] of pieces.entries()) {
      if (index > 0) components.push([]);
      const next = pieces[index + 1];
      const text = token.text.slice(start, next === undefined ? undefined : next - 1);
      if (text !== '') components.at(-1)?.push({ kind: 'text', text });
    }
  }
  return components;
}
