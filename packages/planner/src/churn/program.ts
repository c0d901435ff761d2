/**
 * `node packages/planner/src/churn/program.ts FIRST COUNT`: one line of JSON per seed. Exit 1 when a checker found
 * something; `npm run chaos -- membership` runs and counts it.
 */
import { runChurn } from './churn.ts'

const [first, count] = process.argv.slice(2).map(Number)
if (first === undefined || count === undefined || !Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('usage: program.ts FIRST COUNT\n')
  process.exitCode = 2
} else {
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await runChurn(seed)
    if (result.violations.length > 0) process.exitCode = 1
    process.stdout.write(`${JSON.stringify(result)}\n`)
  }
}
