import { defineConfig } from 'vitest/config';

// Two projects: `unit` runs in one process without isolation (pure code, 12 times faster); `process` starts real
// servers, devices and clients, so its files get their own worker and a longer limit.
export default defineConfig({
  test: {
    // Process tests wait more than they compute.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/**/src/**/*.test.ts', 'tools/**/*.test.ts'],
          exclude: ['**/*.process.test.ts', '**/node_modules/**'],
          pool: 'threads',
          isolate: false,
          testTimeout: 30_000, // A limit for a wedged test, not a measure: shared machines are slow at times.
        },
      },
      {
        test: {
          name: 'process',
          include: ['packages/**/src/**/*.process.test.ts', 'tests/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
