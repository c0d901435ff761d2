import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, seededRandom, sleep, type Random } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { connectClient } from '@shoal/swarm/node'
import { quantile } from '../bench/report.ts'
import type { HarnessReport } from '../chaos.ts'
import {
  ask,
  expectedAnswers,
  harnessDependencies,
  untilCovered,
  untilServing,
  type Expected,
} from './answers.ts'
import { notAtRest } from './at-rest.ts'
import { createCrew, type CrewMember } from './crew.ts'

/*
 * Three real processes, each with memory for about half of the demo model's blocks, so that the loss of one always
 * needs a move by another. One of them is killed with kill -9 every twenty seconds and started again some seconds
 * later. Two greedy answers are always under way; every answer must hold the tokens of one process.
 */

const processes = 3
/** Room for three of the six blocks and the KV caches of two answers. */
const memory = '12MiB'
const killEveryMs = 20_000
const downMs = { min: 1000, max: 8000 }
const answersAtOnce = 2
/** For blocks that move after the last restart. */
const settleMs = 20_000
/** A longer stall of a stream is a violation: a holder or a mover of every block is alive all the time. */
const gapLimitMs = 10_000

/** Totals over the answers of one run. */
interface Tally {
  readonly violations: string[]
  /** The longest time without a token, per answer. */
  readonly gapsMs: number[]
  answers: number
  tokens: number
  failovers: number
  moves: number
}

/** Runs the harness for `npm run chaos -- outages`. @param kills how many processes are killed, one at a time */
export async function chaosOutages(
  seed: number,
  kills: number,
  report: (line: string) => void,
): Promise<HarnessReport> {
  const tally: Tally = { violations: [], gapsMs: [], answers: 0, tokens: 0, failovers: 0, moves: 0 }
  const folder = await mkdtemp(join(tmpdir(), 'shoal-outages-'))
  const crew = await createCrew({ folder, members: processes, bootstrap: 0, owner: 0, memory })
  try {
    await runOutages(crew, folder, seededRandom(seed), kills, tally, report)
  } catch (error) {
    tally.violations.push(`the run ended early: ${messageOf(error)}`)
  } finally {
    await Promise.all(crew.map((member) => member.kill()))
    await rm(folder, { recursive: true, force: true })
  }
  const { violations, gapsMs, answers, tokens, failovers, moves } = tally
  const [p50, most] = [quantile(gapsMs, 0.5), Math.max(0, ...gapsMs)]
  return {
    failed:
      violations.length === 0
        ? []
        : [{ seed, violations, repeat: `npm run chaos -- outages --count ${kills} --from ${seed}` }],
    lines: [
      `${kills} kills, ${answers} answers, ${tokens} tokens, ${failovers} failovers, ${moves} moves: longest stall of an answer ${Math.round(p50)} ms (median), ${Math.round(most)} ms (most)`,
      ...violations,
    ],
  }
}

async function runOutages(
  crew: readonly CrewMember[],
  folder: string,
  random: Random,
  kills: number,
  tally: Tally,
  report: (line: string) => void,
): Promise<void> {
  const expected = await expectedAnswers(join(folder, 'local'))
  for (const member of crew) member.start()
  const known = await untilServing(crew)
  const client = await connectClient(harnessDependencies, {
    join: [known],
    dataFolder: join(folder, 'client'),
    threads: 1,
  })
  const over = new AbortController()
  try {
    await untilCovered(client)
    const engine = await client.engine()
    const streams = Array.from({ length: answersAtOnce }, (_, index) =>
      askForEver(engine, expected, index, tally, over.signal, report),
    )
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(systemClock, killEveryMs / 2)
      const victim = crew[Math.floor(random.unit() * crew.length)]!
      const pauseMs = downMs.min + random.unit() * (downMs.max - downMs.min)
      report(`kill ${kill + 1}: ${victim.name}, down for ${(pauseMs / 1000).toFixed(1)} s`)
      await victim.kill()
      await sleep(systemClock, pauseMs)
      victim.start()
      await sleep(systemClock, Math.max(0, killEveryMs / 2 - pauseMs))
    }
    await sleep(systemClock, killEveryMs / 2)
    over.abort()
    await Promise.all(streams)
    await untilServing(crew)
    await untilCovered(client)
    // What a killed process leaves behind must not keep the others busy, nor from answering.
    await sleep(systemClock, settleMs)
    for (const busy of await notAtRest(crew)) tally.violations.push(busy)
    const { faults } = await ask(engine, expected[0]!)
    tally.violations.push(...faults.map((fault) => `after the kills: ${fault}`))
  } finally {
    over.abort()
    await client.close()
  }
}

/** Asks one question after the other until the signal aborts, and finishes the last answer. */
async function askForEver(
  engine: Engine,
  expected: readonly Expected[],
  first: number,
  tally: Tally,
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  for (let turn = first; !signal.aborted; turn += 1) {
    const { tokens, failovers, moves, gapMs, ...answer } = await ask(
      engine,
      expected[turn % expected.length]!,
    )
    const stall = gapMs > gapLimitMs ? [`no token for ${Math.round(gapMs)} ms`] : []
    const faults = [...answer.faults, ...stall]
    tally.tokens += tokens
    tally.failovers += failovers
    tally.moves += moves
    tally.answers += 1
    tally.gapsMs.push(gapMs)
    for (const fault of faults) {
      tally.violations.push(`answer ${tally.answers}: ${fault}`)
      report(`answer ${tally.answers}: ${fault}`)
    }
    // Without this pause a swarm that refuses at once would be asked thousands of times a second.
    if (faults.length > 0) await sleep(systemClock, 500)
  }
}
