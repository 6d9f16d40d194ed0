import { defineConfig } from 'vitest/config';

/** `retry`: tests on real parts may lose a race with a busy machine once; the report shows which did. */
const project = (name: string, include: string[], testTimeout: number, retry = 0) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout, retry, pool: 'threads' as const },
});

export default defineConfig({
  test: {
    projects: [
      project('presubmit', ['test/presubmit/**/*.test.ts'], 10_000),
      project('unit', ['src/**/*.test.ts', 'build/**/*.test.ts'], 10_000),
      project('contract', ['test/contract/**/*.test.ts'], 120_000, 1),
      project('integration', ['test/integration/**/*.test.ts'], 120_000, 1),
      {
        // Scenarios use whole machines: one after the other, in processes of their own.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          pool: 'forks' as const,
          fileParallelism: false,
        },
      },
    ],
  },
});
