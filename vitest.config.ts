import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'node/src/**/*.test.ts',
      'client/src/**/*.test.ts',
      'sim/src/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    pool: 'forks',
    // Two cores: more files at once only make real processes and compute starve each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/closing-line-reporter.ts'],
  },
})
