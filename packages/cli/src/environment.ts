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

/**
 * The environment of the cloud, with `more`. Buffers of connections go back to the system one by one, and not to the heap of
 * the C library: measured as 54 kB of memory an idle TLS connection instead of 68, together with {@link cloudNodeFlags}.
 */
export function cloudEnvironment(more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return { MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TOP_PAD_: '0', ...environment(more) };
}

/**
 * A small young generation, which connections that live long leave behind soon; and no more garbage than half of what lives:
 * measured after a rollout to 10,000 devices as 74 kB a device instead of 97, in the same time.
 */
export const cloudNodeFlags: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=50'];
