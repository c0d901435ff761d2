/**
 * `npm run fuzz [-- --minutes N] [--seed SEED]`: gives damaged frames of every protocol to every decoder for so long. Each
 * finding is printed with its input; add the input to `fuzz/corpus/frames.json` when it is fixed. Exit status 1 when
 * there was one.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '@shoal/host/node'
import { fuzzDecoders, processorClock } from './fuzz/fuzz-decoders.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes ?? '1')
const firstSeed = Number(values.seed ?? '1')
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed))
  throw new Error('usage: npm run fuzz -- [--minutes N] [--seed SEED], with a positive number of minutes')

const endMs = systemClock.nowMs() + minutes * 60_000
const perSeed = 1_000_000
let [inputs, accepted] = [0, 0]
for (let seed = firstSeed; systemClock.nowMs() < endMs; seed += 1) {
  const goesOn = (done: number): boolean => done < perSeed && systemClock.nowMs() < endMs
  const report = fuzzDecoders({ seed, clock: processorClock, goesOn })
  inputs += report.inputs
  accepted += report.accepted
  console.log(`seed ${seed}: ${report.inputs} inputs, slowest ${report.slowestMs.toFixed(1)} ms`)
  for (const { decoder, what, inputHex } of report.findings) console.log(`${decoder} ${what}: ${inputHex}`)
  if (report.findings.length > 0) process.exitCode = 1
}
console.log(`${inputs} inputs, of which ${accepted} were messages`)
