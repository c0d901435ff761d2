import { systemClock } from '@shoal/host/node'
import { quantile, round } from '../bench/report.ts'
import type { FaultKind } from './fault-book.ts'
import type { KillPoint } from './frame-watch.ts'
import { planOf } from './shared-planner.ts'
import type { RunnerName } from './tiny-model.ts'
import { membersNow } from './truth.ts'
import type { World } from './world.ts'

/** What `shoal sim --json` prints. */
export interface Outcome {
  readonly scenario: string
  readonly seed: number
  readonly nodes: number
  readonly virtualSeconds: number
  /** Tokens that clients received. */
  readonly tokens: number
  /** Tokens of one process alone that no client received; clients that died or went away are not counted. */
  readonly tokensLost: number
  /** Tokens that differ from those of one process alone. */
  readonly tokensChanged: number
  readonly answers: number
  readonly failovers: number
  /** Tokens that were drafted in answers that have ended, and those of them that were drawn. */
  readonly drafted: number
  readonly accepted: number
  /** Time from a request to its first token, over undisturbed and disturbed answers. */
  readonly ttftMsP50: number | null
  readonly ttftMsP99: number | null
  /** Null when no stage was lost. */
  readonly detectionMsP50: number | null
  readonly detectionMsP99: number | null
  readonly recoveryMsP50: number | null
  readonly recoveryMsP99: number | null
  readonly bytesPerPeerPerSecond: number
  /** Real time to plan the last snapshot on this machine: the one figure that does not depend on the seed alone. */
  readonly planMs: number
  readonly faults: Readonly<Record<FaultKind, number>>
  /** Kills at an exact point of a step, by point. */
  readonly killPoints: Readonly<Record<KillPoint, number>>
  readonly events: number
  readonly traceHash: string
  readonly violations: readonly string[]
  /** The command that repeats this run. */
  readonly repeat: string
}

/** @param runner undefined when it is the scenario's own */
export function outcomeOf(scenario: string, world: World, nodes: number, runner?: RunnerName): Outcome {
  const { seed, generations, measures, network, loop, trace, rules, sketches, clients } = world
  const virtualSeconds = loop.clock.nowMs() / 1000
  const counted = generations.filter(
    ({ state, mayFail }) => state !== 'abandoned' && !(mayFail && state === 'failed'),
  )
  const tokensChanged = generations.reduce(
    (sum, { tokens, expected }) => sum + tokens.filter((id, index) => expected[index] !== id).length,
    0,
  )
  const names = [
    ...new Set([...sketches.keys(), ...clients.keys(), ...generations.map(({ client }) => client)]),
  ]
  const bytes = names.reduce(
    (sum, from) => names.reduce((part, to) => part + (from === to ? 0 : network.sentBytes(from, to)), sum),
    0,
  )
  const ttftMs = generations.flatMap(({ startMs, tokenMs }) =>
    tokenMs[0] === undefined ? [] : [tokenMs[0] - startMs],
  )
  const at = (values: readonly number[], share: number): number | null =>
    values.length === 0 ? null : round(quantile(values, share))
  return {
    scenario,
    seed,
    nodes,
    virtualSeconds: round(virtualSeconds),
    tokens: generations.reduce((sum, { tokens }) => sum + tokens.length, 0),
    tokensLost: counted.reduce(
      (sum, { tokens, expected }) => sum + Math.max(0, expected.length - tokens.length),
      0,
    ),
    tokensChanged,
    answers: generations.length,
    failovers: measures.repairs,
    drafted: generations.reduce((sum, generation) => sum + generation.drafted, 0),
    accepted: generations.reduce((sum, generation) => sum + generation.accepted, 0),
    ttftMsP50: at(ttftMs, 0.5),
    ttftMsP99: at(ttftMs, 0.99),
    detectionMsP50: at(measures.detectionMs, 0.5),
    detectionMsP99: at(measures.detectionMs, 0.99),
    recoveryMsP50: at(measures.recoveryMs, 0.5),
    recoveryMsP99: at(measures.recoveryMs, 0.99),
    bytesPerPeerPerSecond: round(bytes / Math.max(1, names.length) / Math.max(0.001, virtualSeconds)),
    planMs: planMsOf(world),
    faults: world.book.counts,
    killPoints: world.book.points,
    events: loop.turns,
    traceHash: trace.hash(),
    violations: rules.violations,
    repeat: `npx shoal sim ${scenario} --seed ${seed} --nodes ${nodes}${runner === undefined ? '' : ` --runner ${runner}`}`,
  }
}

function planMsOf(world: World): number {
  const [name] = membersNow(world)
  const node = name === undefined ? undefined : world.nodes.get(name.slice(0, name.lastIndexOf('@')))
  if (node === undefined) return 0
  const snapshot = node.member.membership.snapshot()
  const startMs = systemClock.nowMs()
  planOf(world.model, snapshot)
  return round(systemClock.nowMs() - startMs)
}
