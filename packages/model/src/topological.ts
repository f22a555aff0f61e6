/** The names with every dependency before its dependers, else in the given order; or a name that is part of a cycle. */
export function topologicalOrder(
  names: Iterable<string>,
  dependenciesOf: (name: string) => Iterable<string>,
): { readonly order: string[]; readonly cycle: string | undefined } {
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const known = new Set(names);
  let cycle: string | undefined;
  // An explicit stack: a chain of dependencies may be longer than the call stack is deep.
  for (const start of known) {
    const stack = [{ name: start, rest: undefined as Iterator<string> | undefined }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.rest === undefined) {
        const seen = state.get(top.name);
        if (seen !== undefined) {
          if (seen === 'open') cycle ??= top.name;
          stack.pop();
          continue;
        }
        state.set(top.name, 'open');
        top.rest = dependenciesOf(top.name)[Symbol.iterator]();
      }
      const next = top.rest.next();
      if (next.done) {
        state.set(top.name, 'done');
        order.push(top.name);
        stack.pop();
      } else if (known.has(next.value)) {
        stack.push({ name: next.value, rest: undefined });
      }
    }
  }
  return { order, cycle };
}
