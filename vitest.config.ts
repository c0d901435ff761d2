import { defineConfig } from 'vitest/config'

const shared = { pool: 'forks', testTimeout: 60_000, hookTimeout: 120_000 } as const

export default defineConfig({
  test: {
    // For two cores: tests of real processes spend a third of their time waiting for leases, retries and copies.
    maxWorkers: 3,
    reporters: ['default', './test/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'packages',
          include: [
            'packages/*/src/**/*.test.ts',
            'node/src/**/*.test.ts',
            'client/src/**/*.test.ts',
            'sim/src/**/*.test.ts',
            'test/tidy/**/*.test.ts',
          ],
          // No module of the product keeps state of its own, so all files may share the workers. A worker for each of
          // the 270 files would take as much processor time as the tests themselves.
          isolate: false,
        },
      },
      {
        test: {
          ...shared,
          // A process starts in one second on a free machine, and in twenty on one that does other work.
          testTimeout: 180_000,
          name: 'processes',
          include: ['test/**/*.test.ts'],
          exclude: ['test/tidy/**'],
        },
      },
    ],
  },
})
