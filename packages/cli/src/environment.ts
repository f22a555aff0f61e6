/** Where the cloud takes the URL of its database from, unless it is told on its command line. */
export const databaseVariable = 'GREENSWARD_DATABASE_URL';

/** The environment of a child: ours with `more`, but the database, which is the cloud's alone, only when `more` has it. */
export function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && name !== databaseVariable) variables[name] = value;
  }
  return { ...variables, ...more };
}

/**
 * The environment of a device runtime. One arena for all threads: the C library otherwise gives each thread of Node its own,
 * measured as 6 MB that a small device does not have. Components do not inherit it.
 */
export function deviceEnvironment(): Readonly<Record<string, string>> {
  return { ...environment(), MALLOC_ARENA_MAX: '1' };
}
