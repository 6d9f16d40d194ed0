import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], testTimeout: number) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout, pool: 'threads' as const },
});

export default defineConfig({
  test: {
    projects: [
      project('presubmit', ['test/presubmit/**/*.test.ts'], 10_000),
      project('unit', ['src/**/*.test.ts', 'build/**/*.test.ts'], 10_000),
      project('contract', ['test/contract/**/*.test.ts'], 120_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
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
