import type { Snapshot } from '@shoal/membership'
import type { ModelCosts } from './costs.ts'
import { plan, usersOf, type Objective, type Plan, type PlanOptions } from './plan.ts'
import type { Prediction } from './predict.ts'

/** One plan of the front: no other objective's plan is better in both columns. */
export interface FrontPlan {
  readonly objective: Objective
  readonly plan: Plan
}

/** Plans of all objectives that are not beaten by another in token time and in throughput. */
export function paretoFront(
  snapshot: Snapshot,
  costs: ModelCosts,
  options: Omit<PlanOptions, 'objective'> = {},
): readonly FrontPlan[] {
  const plans = (Object.keys(usersOf) as Objective[]).map((objective) => ({
    objective,
    plan: plan(snapshot, costs, { ...options, objective }),
  }))
  return plans.filter(({ plan: { prediction } }, index) => {
    if (prediction === null) return false
    return !plans.some(
      ({ plan: other }, at) =>
        other.prediction !== null && dominates(other.prediction, prediction, at < index),
    )
  })
}

/** At least as good in both, and better in one; of equals the first stays. */
function dominates(a: Prediction, b: Prediction, isBefore: boolean): boolean {
  if (a.tpotMicros > b.tpotMicros || a.periodMicros > b.periodMicros) return false
  return a.tpotMicros < b.tpotMicros || a.periodMicros < b.periodMicros || isBefore
}

/** What one device adds: the plan without it. */
export interface Contribution {
  readonly peer: string
  readonly role: 'stage' | 'replica' | 'unused'
  /** TPOT without it; null when the model is not covered then. */
  readonly tpotMicrosWithout: number | null
}

export function contributions(
  snapshot: Snapshot,
  costs: ModelCosts,
  options: PlanOptions,
): readonly Contribution[] {
  const whole = plan(snapshot, costs, options)
  return snapshot.members.map(({ peerId }) => {
    const without = plan(
      { members: snapshot.members.filter((member) => member.peerId !== peerId) },
      costs,
      options,
    )
    const role = whole.route.some(({ peer }) => peer === peerId)
      ? 'stage'
      : whole.placements.some(({ peer }) => peer === peerId)
        ? 'replica'
        : 'unused'
    return { peer: peerId, role, tpotMicrosWithout: without.prediction?.tpotMicros ?? null }
  })
}

/** Lines for `shoal plan --explain`: the plan, the front, and why each device is in or out. */
export function explain(snapshot: Snapshot, costs: ModelCosts, options: PlanOptions): readonly string[] {
  const made = plan(snapshot, costs, options)
  const { prediction } = made
  const lines = [`plan for ${options.objective}`]
  for (const { peer, start, end } of made.placements) {
    const stage = made.route.find((used) => used.peer === peer)
    const use =
      stage === undefined
        ? 'replica'
        : stage.start === start && stage.end === end
          ? 'stage'
          : `stage, used for ${stage.start}:${stage.end}`
    lines.push(`  ${peer}  blocks ${start}:${end}  ${use}`)
  }
  for (const { start, end } of made.uncovered) lines.push(`  blocks ${start}:${end} fit nowhere`)
  if (prediction === null) return [...lines, 'the devices cannot hold the model together']
  lines.push(`  ${figures(prediction)}`, 'plans that no other beats in both')
  for (const { objective, plan: other } of paretoFront(snapshot, costs, options)) {
    if (other.prediction !== null)
      lines.push(`  ${objective}: ${other.route.length} stages, ${figures(other.prediction)}`)
  }
  lines.push('what each device adds')
  return [
    ...lines,
    ...contributions(snapshot, costs, options).map((contribution) => `  ${reason(contribution, prediction)}`),
  ]
}

function figures({ tpotMicros, ttftMicros, promptTokens, tokensPerSecond }: Prediction): string {
  return `${ms(tpotMicros)} ms per token, first after ${ms(ttftMicros)} ms (${promptTokens} tokens of prompt), ${tokensPerSecond.toFixed(1)} tokens/s when full`
}

function reason({ peer, role, tpotMicrosWithout }: Contribution, { tpotMicros }: Prediction): string {
  if (tpotMicrosWithout === null) return `${peer}: in (${role}); without it the model is not covered`
  const change = Math.round(((tpotMicrosWithout - tpotMicros) * 100) / tpotMicros)
  if (role === 'stage')
    return `${peer}: in; without it ${ms(tpotMicrosWithout)} ms per token (${change >= 0 ? '+' : ''}${change}%)`
  if (role === 'replica')
    return `${peer}: a copy in case a stage is lost; as a stage it would not make a token faster`
  return `${peer}: out; it has no memory for a block`
}

function ms(micros: number): string {
  return (micros / 1000).toFixed(2)
}
