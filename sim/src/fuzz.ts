/**
 * `npm run fuzz [-- --minutes N] [--seed SEED] [--target frames|http|all]`: for half of the time, damaged frames of every
 * protocol go to every decoder, and then damaged requests to the HTTP API of a real node. Each finding is printed with its
 * input; add the input to `fuzz/corpus/` when it is fixed. Exit status 1 when there was one.
 */
import { parseArgs } from 'node:util'
import { endWhenReaderIsGone, systemClock } from '@shoal/host/node'
import { fuzzDecoders, processorClock, type FuzzFinding } from './fuzz/fuzz-decoders.ts'
import { fuzzHttp } from './fuzz/http/fuzz-http.ts'
import { withRealNode } from './fuzz/http/real-node.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string', default: 'all' },
  },
})
const [minutes, firstSeed] = [Number(values.minutes), Number(values.seed)]
const targets = values.target === 'all' ? ['frames', 'http'] : [values.target]
if (
  !(minutes > 0) ||
  !Number.isSafeInteger(firstSeed) ||
  !targets.every((target) => target === 'frames' || target === 'http')
)
  throw new Error(
    'usage: npm run fuzz -- [--minutes N] [--seed SEED] [--target frames|http|all], with a positive number of minutes',
  )

const perSeed = 1_000_000

function tell(findings: readonly FuzzFinding[]): void {
  for (const { decoder, what, inputHex } of findings) console.log(`${decoder} ${what}: ${inputHex}`)
  if (findings.length > 0) process.exitCode = 1
}

function fuzzFrames(endMs: number): void {
  let [inputs, accepted] = [0, 0]
  for (let seed = firstSeed; systemClock.nowMs() < endMs; seed += 1) {
    const goesOn = (done: number): boolean => done < perSeed && systemClock.nowMs() < endMs
    const report = fuzzDecoders({ seed, clock: processorClock, goesOn })
    inputs += report.inputs
    accepted += report.accepted
    console.log(`seed ${seed}: ${report.inputs} inputs, slowest ${report.slowestMs.toFixed(1)} ms`)
    tell(report.findings)
  }
  console.log(`${inputs} inputs, of which ${accepted} were messages`)
}

/** What ends the node is one of the last eight requests before the finding. */
async function fuzzApi(lengthMs: number): Promise<void> {
  await withRealNode(async (api) => {
    const endMs = systemClock.nowMs() + lengthMs
    const goesOn = (): boolean => systemClock.nowMs() < endMs
    const { inputs, statuses, findings } = await fuzzHttp({ seed: firstSeed, api, goesOn })
    tell(findings)
    const counts = [...statuses].map(([status, times]) => `${status} ${times}`).sort()
    console.log(`${inputs} requests, answered by ${counts.join(', ')}`)
  })
}

endWhenReaderIsGone()
const shareMs = (minutes * 60_000) / targets.length
if (targets.includes('frames')) fuzzFrames(systemClock.nowMs() + shareMs)
if (targets.includes('http')) await fuzzApi(shareMs)
