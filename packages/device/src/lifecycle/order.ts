/** Names with what each depends on. */
export type DependencyGraph = ReadonlyMap<string, Iterable<string>>;

/** The names so that each comes after what it depends on. Dependencies that are not in the graph are passed over. */
export function dependenciesFirst(graph: DependencyGraph): string[] {
  const ordered = new Set<string>();
  const visiting = new Set<string>();
  const visit = (name: string) => {
    // Resolution refuses cycles; should one come through, it is cut here instead of hanging.
    if (ordered.has(name) || visiting.has(name)) return;
    const dependencies = graph.get(name);
    if (dependencies === undefined) return;
    visiting.add(name);
    for (const dependency of dependencies) visit(dependency);
    ordered.add(name);
  };
  for (const name of graph.keys()) visit(name);
  return [...ordered];
}

/** Runs `task` for every name, dependers before what they depend on; names that do not depend on one another at once. */
export async function dependersFirst(graph: DependencyGraph, task: (name: string) => Promise<void>): Promise<void> {
  const running = new Map<string, Promise<void>>();
  for (const name of dependenciesFirst(graph).reverse()) {
    const dependers = [...running].filter(([other]) => [...(graph.get(other) ?? [])].includes(name));
    running.set(
      name,
      Promise.all(dependers.map(([, done]) => done)).then(() => task(name)),
    );
  }
  await Promise.all(running.values());
}
