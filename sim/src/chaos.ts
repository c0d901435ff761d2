/** `npm run chaos -- membership [--seeds N] [--from SEED] [--json]`: many seeds of one harness. Exit 1 when one failed. */
import { parseArgs } from 'node:util'
import { messageOf } from '@shoal/host'
import { churnMembership } from './churn/membership.ts'

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  })
  const [seeds, from] = [Number(values.seeds), Number(values.from)]
  if (positionals.join(' ') !== 'membership' || !Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(from) || from < 0) {
    process.stderr.write('usage: npm run chaos -- membership [--seeds N] [--from SEED] [--json]\n')
    return 2
  }
  const result = await churnMembership(from, seeds, (line) => void process.stderr.write(`${line}\n`))
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    const acts = Object.entries(result.acts).map(([act, count]) => `${act} ${count}`)
    process.stdout.write(`${result.seeds} seeds, ${result.failed.length} failed: ${acts.join(', ')}\n`)
    process.stdout.write(`all agree after ${result.convergedMsP50} ms of calm (median), ${result.convergedMsP99} ms (99%), ${result.convergedMsMax} ms (most); documents up to ${result.documentBytesMax} bytes\n`)
    for (const { seed, violations, repeat } of result.failed) process.stdout.write(`seed ${seed}: ${violations[0]}\n  repeat: ${repeat}\n`)
  }
  return result.failed.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`chaos failed: ${messageOf(error)}\n`)
  process.exitCode = 1
}
