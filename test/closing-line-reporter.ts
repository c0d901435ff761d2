import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * Counts tests over the run and leaves the counts in the file named by SHOAL_TEST_COUNTS, so that `test/run.ts` can
 * print `N passed, N failed` as the very last line (vitest prints lines of its own after its reporters).
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    const path = process.env['SHOAL_TEST_COUNTS']
    if (path === undefined) return
    let passed = 0
    let failed = errors.length
    let skipped = 0
    for (const module of modules) {
      // A module that fails before its first test (a syntax error, a failing import) has no failed test to count.
      if (module.errors().length > 0) failed += 1
      for (const test of module.children.allTests()) {
        const state = test.result().state
        if (state === 'passed') passed += 1
        else if (state === 'failed') failed += 1
        else skipped += 1
      }
    }
    writeFileSync(path, JSON.stringify({ passed, failed, skipped }))
  }
}
