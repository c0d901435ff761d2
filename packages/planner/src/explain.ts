import { plan, usersOf, type Objective, type Plan, type PlanOptions } from './plan.ts'
import type { Prediction } from './costs/predict.ts'
import type { PlannerSnapshot } from './snapshot.ts'

/**
 * One plan of the Pareto front: no other plan is at least as good in token time and throughput and better in one of
 * them.
 */
export interface FrontPlan {
  readonly objective: Objective
  readonly plan: Plan
}

/** The plans of all objectives without those that another plan dominates. Of equal plans the first stays. */
export function paretoFront(
  snapshot: PlannerSnapshot,
  options: Omit<PlanOptions, 'objective'> = {},
): readonly FrontPlan[] {
  const plans = (Object.keys(usersOf) as Objective[]).map((objective) => ({
    objective,
    plan: plan(snapshot, { ...options, objective }),
  }))
  return plans.filter(({ plan: { prediction } }, index) => {
    if (prediction === null) return false
    return !plans.some(
      ({ plan: other }, at) =>
        other.prediction !== null && dominates(other.prediction, prediction, at < index),
    )
  })
}

/** Whether `a` is at least as good as `b` in token time and throughput and better in one, or equal and first. */
function dominates(a: Prediction, b: Prediction, isBefore: boolean): boolean {
  if (a.tpotMicros > b.tpotMicros || a.periodMicros > b.periodMicros) return false
  return a.tpotMicros < b.tpotMicros || a.periodMicros < b.periodMicros || isBefore
}

/** What one device adds to a plan, found by planning without it. */
export interface Contribution {
  readonly peer: string
  readonly role: 'stage' | 'replica' | 'unused'
  /** Time per output token without the device; null when the other devices do not cover the model. */
  readonly tpotMicrosWithout: number | null
}

export function contributions(snapshot: PlannerSnapshot, options: PlanOptions): readonly Contribution[] {
  const whole = plan(snapshot, options)
  return snapshot.members.map(({ peerId }) => {
    const members = snapshot.members.filter((member) => member.peerId !== peerId)
    const without = plan({ ...snapshot, members }, options)
    const role = whole.route.some(({ peer }) => peer === peerId)
      ? 'stage'
      : whole.placements.some(({ peer }) => peer === peerId)
        ? 'replica'
        : 'unused'
    return { peer: peerId, role, tpotMicrosWithout: without.prediction?.tpotMicros ?? null }
  })
}

/** A plan in words: the plan itself, the Pareto front, and why each device is used or not. */
export function explain(snapshot: PlannerSnapshot, options: PlanOptions): readonly string[] {
  const made = plan(snapshot, options)
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
  lines.push(`  ${figures(prediction)}`, 'plans that no other plan beats in both time per token and tokens/s')
  for (const { objective, plan: other } of paretoFront(snapshot, options)) {
    if (other.prediction !== null)
      lines.push(`  ${objective}: ${other.route.length} stages, ${figures(other.prediction)}`)
  }
  lines.push('what each device adds')
  return [
    ...lines,
    ...contributions(snapshot, options).map((contribution) => `  ${reason(contribution, prediction)}`),
  ]
}

function figures({ tpotMicros, ttftMicros, promptTokens, tokensPerSecond }: Prediction): string {
  return `${ms(tpotMicros)} ms per token, first token after ${ms(ttftMicros)} ms (prompt of ${promptTokens} tokens), ${tokensPerSecond.toFixed(1)} tokens/s when the pipeline is full`
}

function reason({ peer, role, tpotMicrosWithout }: Contribution, { tpotMicros }: Prediction): string {
  if (tpotMicrosWithout === null) return `${peer}: in (${role}); without it the model is not covered`
  const change = Math.round(((tpotMicrosWithout - tpotMicros) * 100) / tpotMicros)
  if (role === 'stage')
    return `${peer}: in; without it ${ms(tpotMicrosWithout)} ms per token (${change >= 0 ? '+' : ''}${change}%)`
  if (role === 'replica')
    return `${peer}: a copy in case a stage is lost; as a stage it would not make a token faster`
  return `${peer}: out; one block does not fit its memory`
}

function ms(micros: number): string {
  return (micros / 1000).toFixed(2)
}
