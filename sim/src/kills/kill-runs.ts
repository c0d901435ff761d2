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

/** A kill during one answer. The prompt has two chunks, so that one is computed while the other is in flight. */
export interface KillCase extends Question {
  readonly point: KillPoint
  readonly stage: number
  /** Tokens answered before a kill in decode strikes. */
  readonly answered: number
}

export interface KillOutcome {
  readonly of: Pick<KillCase, 'point' | 'drafts'>
  readonly result: GenerateResult
  /** Tokens of one undisturbed process. */
  readonly expected: readonly number[]
  /** Number of processes that ended by SIGKILL. */
  readonly killed: number
  /** Number of processes that should have. */
  readonly due: number
}

/** Rows of a chunk, in prefill and in a replay. */
const chunkRows = 128

export function killCase(point: KillPoint, stage: number, more: Partial<KillCase> = {}): KillCase {
  return {
    point,
    stage,
    promptTokens: 200,
    maxTokens: 40,
    answered: 12,
    sampling: { temperature: 0 },
    // One row a step: the stage that dies is then needed again.
    drafts: false,
    ...more,
  }
}

/** Runs one generation, during which the stage that holds `stages[stage]` kills its process; for `replay` its replacement does too. */
export async function runKill(swarm: MortalSwarm, one: KillCase): Promise<KillOutcome> {
  const due = one.point === 'replay' ? 2 : 1
  const holders = await swarm.staff(stages[one.stage]!, due + 1)
  const orders = ordersOf(one, () => swarm.newPath())
  for (const node of holders) await node.arm(orders)
  const { result, expected } = await bothAnswers(swarm, one, holders)
  const killed = await Promise.all(holders.filter(({ alive }) => !alive).map(endedByKill))
  return { of: one, result, expected: expected.tokenIds, killed: killed.filter(Boolean).length, due }
}

/** The swarm's answer and that of one process. In the end no holder has an order any more. */
async function bothAnswers(swarm: MortalSwarm, one: KillCase, holders: readonly MortalNode[]) {
  try {
    return { result: await answer(swarm.engine, one), expected: await answer(swarm.local, one) }
  } finally {
    for (const node of holders) await disarm(node)
  }
}

/** A process that has killed itself may look alive until the system has reported its end, which the order then waits for. */
async function disarm(node: MortalNode): Promise<void> {
  if (!node.alive) return
  try {
    await node.arm([])
  } catch (error) {
    if (node.alive) throw error
  }
}

/** @param claim returns a path at which no file exists */
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

/** Broken promises of an outcome; empty when there are none. */
export function faultsOf({ of, result, expected, killed, due }: KillOutcome): string[] {
  const faults: string[] = []
  if (killed !== due) faults.push(`${killed} processes killed themselves, not ${due}`)
  const apart = firstDifference(result.tokenIds, expected)
  if (apart !== null)
    faults.push(`token ${apart} is another one: ${result.tokenIds.length} of ${expected.length} tokens came`)
  if (result.continuity !== 'identical') faults.push(`the result says '${result.continuity}'`)
  // With drafts the output that left last may hold the last rows of the answer, which then ends without the dead stage.
  const leastFailovers = of.point === 'after-push' && of.drafts !== false ? due - 1 : due
  if (result.failovers < leastFailovers) faults.push(`${result.failovers} failovers`)
  return faults
}

/** The case of an index: points and stages in turn, everything else random. */
export function caseOf(index: number, random: Random): KillCase {
  const promptTokens = chunkRows + 2 + (random.uint32() % 150)
  const sampling =
    random.unit() < 0.5
      ? { temperature: 0 }
      : { temperature: 0.9, topP: 0.95, topK: 0, seed: random.uint32() }
  return killCase(
    killPoints[index % killPoints.length]!,
    Math.floor(index / killPoints.length) % stages.length,
    { promptTokens, answered: 1 + (random.uint32() % 30), sampling, drafts: random.unit() < 0.5 },
  )
}
