import type { Random } from '@shoal/host'
import type { GenerateResult } from '@shoal/swarm'
import { answer, firstDifference, type Question } from './answer.ts'
import { killPoints, momentOf, type KillOrder, type KillPoint } from './kill-points.ts'
import type { MortalNode } from './mortal-node.ts'
import type { MortalSwarm, Range } from './mortal-swarm.ts'

/** The demo model's blocks as three stages. */
export const stages: readonly Range[] = [
  [0, 2],
  [2, 4],
  [4, 6],
]

/** The prompt is two chunks, so that one is computed while the other is under way. */
export interface KillCase extends Question {
  readonly point: KillPoint
  readonly stage: number
  /** Tokens that have been answered when a kill in decode strikes. */
  readonly answered: number
}

export interface KillOutcome {
  readonly result: GenerateResult
  /** Tokens of one process that nobody disturbed. */
  readonly expected: readonly number[]
  /** Processes that ended by SIGKILL, and by nothing else. */
  readonly killed: number
  /** That many were to. */
  readonly due: number
}

/** A prefill chunk, as `prefill` cuts them, and a chunk of a replayed journal. */
const chunkRows = 128

export function killCase(point: KillPoint, stage: number, more: Partial<KillCase> = {}): KillCase {
  return {
    point,
    stage,
    promptTokens: 200,
    maxTokens: 40,
    answered: 12,
    sampling: { temperature: 0 },
    ...more,
  }
}

/** One generation, during which the stage of the route that holds `stages[stage]` kills its own process; for `replay` its replacement too. */
export async function runKill(swarm: MortalSwarm, one: KillCase): Promise<KillOutcome> {
  const due = one.point === 'replay' ? 2 : 1
  const holders = await swarm.staff(stages[one.stage]!, due + 1)
  const orders = ordersOf(one, () => swarm.newPath())
  for (const node of holders) await node.arm(orders)
  try {
    const result = await answer(swarm.engine, one)
    const expected = await answer(swarm.local, one)
    const killed = await Promise.all(holders.filter(({ alive }) => !alive).map(endedByKill))
    return { result, expected: expected.tokenIds, killed: killed.filter(Boolean).length, due }
  } finally {
    for (const node of holders) if (node.alive) await node.arm([])
  }
}

/** @param claim makes the name of a file that does not exist */
export function ordersOf(
  { point, promptTokens, answered }: Pick<KillCase, 'point' | 'promptTokens' | 'answered'>,
  claim: () => string,
): KillOrder[] {
  const order = (of: KillPoint, fromPosition: number, fromEpoch = 0): KillOrder => ({
    moment: momentOf[of],
    fromEpoch,
    fromPosition,
    claim: claim(),
  })
  const inDecode = promptTokens + answered
  switch (point) {
    case 'prefill':
      return [order(point, chunkRows)]
    case 'decode':
    case 'in-flight':
    case 'after-push':
      return [order(point, inDecode)]
    case 'replay':
      return [order('in-flight', inDecode), order(point, chunkRows, 1)]
  }
}

async function endedByKill(node: MortalNode): Promise<boolean> {
  await node.ended
  return node.process.signalCode === 'SIGKILL'
}

/** What is wrong with an outcome; nothing, when it is as promised. */
export function faultsOf({ result, expected, killed, due }: KillOutcome): string[] {
  const faults: string[] = []
  if (killed !== due) faults.push(`${killed} processes killed themselves, not ${due}`)
  const apart = firstDifference(result.tokenIds, expected)
  if (apart !== null)
    faults.push(`token ${apart} is another one: ${result.tokenIds.length} of ${expected.length} tokens came`)
  if (result.continuity !== 'identical') faults.push(`the result says '${result.continuity}'`)
  if (result.failovers < due) faults.push(`${result.failovers} failovers`)
  return faults
}

/** The case of one number: every point and stage in turn, the rest by chance. */
export function caseOf(index: number, random: Random): KillCase {
  const promptTokens = chunkRows + 2 + (random.uint32() % 150)
  const sampling =
    random.unit() < 0.5
      ? { temperature: 0 }
      : { temperature: 0.9, topP: 0.95, topK: 0, seed: random.uint32() }
  return killCase(
    killPoints[index % killPoints.length]!,
    Math.floor(index / killPoints.length) % stages.length,
    { promptTokens, answered: 1 + (random.uint32() % 30), sampling },
  )
}
