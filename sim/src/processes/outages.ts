import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, seededRandom, ShoalError, silentLogger, sleep, timeLimit, type Random } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine, SwarmPeer } from '@shoal/swarm'
import { connectClient, openLocalEngine } from '@shoal/swarm/node'
import { quantile } from '../bench/report.ts'
import type { HarnessReport } from '../chaos.ts'
import { firstDifference } from '../kills/answer.ts'
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
const maxTokens = 160
/** A longer stall of a stream is a violation: a holder or a mover of every block is alive all the time. */
const gapLimitMs = 10_000
const startLimitMs = 120_000
const prompts = [
  'Once upon a time',
  'The fox and the',
  'Who are you?',
  'A lantern in the',
  'One day, a little girl',
]

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** A prompt, and the token ids that one process generates for it. */
interface Expected {
  readonly promptIds: readonly number[]
  readonly tokenIds: readonly number[]
}

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
  const client = await connectClient(dependencies, {
    join: [known],
    dataFolder: join(folder, 'client'),
    threads: 1,
  })
  const over = new AbortController()
  try {
    await covered(client)
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
  } finally {
    over.abort()
    await client.close()
  }
}

/** The greedy answers of one process to every prompt. */
async function expectedAnswers(dataFolder: string): Promise<readonly Expected[]> {
  const local = await openLocalEngine(dependencies, { model: 'demo', threads: 1, dataFolder })
  try {
    const answers: Expected[] = []
    for (const prompt of prompts) {
      const promptIds = (await local.tokenizer?.encode(prompt)) ?? []
      const tokenIds: number[] = []
      for await (const event of local.generate(greedy(local, promptIds)))
        if (event.type === 'done') tokenIds.push(...event.result.tokenIds)
      answers.push({ promptIds, tokenIds })
    }
    return answers
  } finally {
    await local.close()
  }
}

function greedy(engine: Engine, promptIds: readonly number[]): Parameters<Engine['generate']>[0] {
  return {
    promptIds,
    maxTokens,
    ignoreEos: true,
    sampling: { ...engine.defaultSampling, temperature: 0 },
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
    const question = expected[turn % expected.length]!
    let lastMs = systemClock.nowMs()
    let gapMs = 0
    const look = (): void => {
      const nowMs = systemClock.nowMs()
      gapMs = Math.max(gapMs, nowMs - lastMs)
      lastMs = nowMs
    }
    const faults: string[] = []
    try {
      for await (const event of engine.generate(greedy(engine, question.promptIds))) {
        look()
        if (event.type !== 'done') continue
        const { tokenIds, failovers, moves } = event.result
        const apart = firstDifference(tokenIds, question.tokenIds)
        if (apart !== null) faults.push(`other tokens than those of one process from token ${apart} on`)
        tally.tokens += tokenIds.length
        tally.failovers += failovers
        tally.moves += moves
      }
    } catch (error) {
      look()
      faults.push(`lost: ${messageOf(error)}`)
    }
    if (gapMs > gapLimitMs) faults.push(`no token for ${Math.round(gapMs)} ms`)
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

/** @returns the address of the node that the others know, when all of them serve */
async function untilServing(crew: readonly CrewMember[]): Promise<string> {
  const startMs = systemClock.nowMs()
  for (;;) {
    const addresses = crew.map((member) => member.address())
    if (addresses.every((address) => address !== null)) return addresses[0]!
    if (systemClock.nowMs() - startMs > startLimitMs)
      throw new ShoalError('deadline-passed', `not every process serves after ${startLimitMs / 1000} s`)
    await sleep(systemClock, 250)
  }
}

async function covered(client: SwarmPeer): Promise<void> {
  const limit = timeLimit(
    systemClock,
    startLimitMs,
    () => new ShoalError('deadline-passed', 'the client sees no covered model'),
  )
  await client.whenCovered(limit.signal).finally(() => limit.clear())
}
