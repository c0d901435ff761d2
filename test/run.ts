/**
 * `npm test`: format, lint, types, then vitest; the last line of output is `N passed, N failed[, N skipped]` and the exit
 * status says the same. Arguments are passed on to vitest.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleProgram } from './bundle.ts'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(join(root, 'package.json'))

/** The script behind a package's command, so that no shell and no `.cmd` file is needed. */
function commandOf(name: string, bin = name): string {
  const manifestPath = join(root, 'node_modules', name, 'package.json')
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as { bin: string | Record<string, string> }
  const relative = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[bin]
  if (relative === undefined) throw new Error(`package ${name} has no command ${bin}`)
  return require.resolve(join(dirname(manifestPath), relative))
}

function run(script: string, args: string[], env: NodeJS.ProcessEnv = process.env): boolean {
  const result = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit', env })
  return result.status === 0
}

const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
const check = (name: string, ok: boolean): void => {
  if (ok) counts.passed += 1
  else {
    counts.failed += 1
    process.stdout.write(`${name} failed\n`)
  }
}

const vitestArguments = process.argv.slice(2)
// A developer's run of named test files skips these checks.
if (vitestArguments.length === 0) {
  check('format', run(commandOf('oxfmt'), ['--check', '.']))
  check('lint', run(commandOf('oxlint'), ['--type-aware', '--deny-warnings', '.']))
  check('types', run(commandOf('typescript', 'tsc'), ['--noEmit', '-p', 'tsconfig.json']))
}

const folder = mkdtempSync(join(tmpdir(), 'shoal-test-'))
const countsPath = join(folder, 'counts.json')
// These tests start some two hundred processes. Without a cache a third of each start would be compiling.
const compileCache = join(folder, 'compile-cache')
const { folder: bundleFolder, program } = await bundleProgram(root)
const vitestOk = run(commandOf('vitest'), ['run', ...vitestArguments], {
  NODE_COMPILE_CACHE: compileCache,
  SHOAL_TEST_PROGRAM: program,
  ...process.env,
  SHOAL_TEST_COUNTS: countsPath,
})
try {
  const vitestCounts = JSON.parse(readFileSync(countsPath, 'utf8')) as Counts
  counts.passed += vitestCounts.passed
  counts.failed += vitestCounts.failed
  counts.skipped += vitestCounts.skipped
  if (!vitestOk && vitestCounts.failed === 0) counts.failed += 1
} catch {
  // Without counts vitest ended before its first test, which counts as one failure.
  counts.failed += 1
}
for (const made of [folder, bundleFolder]) rmSync(made, { recursive: true, force: true })
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`)
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
