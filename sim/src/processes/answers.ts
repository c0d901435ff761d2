import { silentLogger, ShoalError, sleep, timeLimit } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine, SwarmPeer } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { firstDifference } from '../kills/answer.ts'
import type { CrewMember } from './crew.ts'

/*
 * What harnesses over real processes ask a swarm of the demo model, and the answers of one process, with which those of
 * the swarm are compared.
 */

export const harnessDependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

const startLimitMs = 120_000
const maxTokens = 160
const prompts = [
  'Once upon a time',
  'The fox and the',
  'Who are you?',
  'A lantern in the',
  'One day, a little girl',
]

/** A prompt, and the token ids that one process generates for it. */
export interface Expected {
  readonly promptIds: readonly number[]
  readonly tokenIds: readonly number[]
}

/** How one answer of a swarm went. */
export interface Answered {
  readonly tokens: number
  readonly failovers: number
  readonly moves: number
  /** The longest time without a token. */
  readonly gapMs: number
  /** What was wrong with it; empty for an answer that equals that of one process. */
  readonly faults: readonly string[]
}

/** The greedy answers of one process to every prompt. */
export async function expectedAnswers(dataFolder: string): Promise<readonly Expected[]> {
  const local = await openLocalEngine(harnessDependencies, { model: 'demo', threads: 1, dataFolder })
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

/** Asks a swarm one question. Never rejects. @param onToken called with each token */
export async function ask(
  engine: Engine,
  question: Expected,
  onToken: () => void = () => undefined,
): Promise<Answered> {
  let lastMs = systemClock.nowMs()
  let gapMs = 0
  const look = (): void => {
    const nowMs = systemClock.nowMs()
    gapMs = Math.max(gapMs, nowMs - lastMs)
    lastMs = nowMs
  }
  const faults: string[] = []
  let [tokens, failovers, moves] = [0, 0, 0]
  try {
    for await (const event of engine.generate(greedy(engine, question.promptIds))) {
      look()
      onToken()
      if (event.type !== 'done') continue
      const { tokenIds } = event.result
      const apart = firstDifference(tokenIds, question.tokenIds)
      if (apart !== null) faults.push(`other tokens than those of one process from token ${apart} on`)
      tokens = tokenIds.length
      failovers = event.result.failovers
      moves = event.result.moves
    }
  } catch (error) {
    look()
    faults.push(`lost: ${error instanceof Error ? error.message : String(error)}`)
  }
  return { tokens, failovers, moves, gapMs, faults }
}

/** @returns the address of the node that the others know, when all of them serve */
export async function untilServing(crew: readonly CrewMember[]): Promise<string> {
  const startMs = systemClock.nowMs()
  for (;;) {
    const addresses = crew.map((member) => member.address())
    if (addresses.every((address) => address !== null)) return addresses[0]!
    if (systemClock.nowMs() - startMs > startLimitMs)
      throw new ShoalError('deadline-passed', `not every process serves after ${startLimitMs / 1000} s`)
    await sleep(systemClock, 250)
  }
}

/** Resolves when the client sees a holder of each block. */
export async function untilCovered(client: SwarmPeer): Promise<void> {
  const limit = timeLimit(
    systemClock,
    startLimitMs,
    () => new ShoalError('deadline-passed', 'the client sees no covered model'),
  )
  await client.whenCovered(limit.signal).finally(() => limit.clear())
}

function greedy(engine: Engine, promptIds: readonly number[]): Parameters<Engine['generate']>[0] {
  return {
    promptIds,
    maxTokens,
    ignoreEos: true,
    sampling: { ...engine.defaultSampling, temperature: 0 },
  }
}
