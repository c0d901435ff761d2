/**
 * Who is to hold which blocks, and which way a generation goes: pure functions of a membership snapshot. No clock, no
 * chance, no leader; times are integer microseconds. `docs/planner.md` gives the formulas.
 *
 * @example
 * const costs = modelCosts(manifest.config, manifest.profile)
 * const { placements, uncovered } = plan(membership.snapshot(), costs, { objective: 'latency' })
 * const route = findRoute(membership.snapshot(), costs, { range: { start: 0, end: costs.blockCount }, tokenBudget: 512 })
 */
export { blocksThatFit, defaultContextTokens, modelCosts, spanBytes, type ModelCosts } from './costs.ts'
export { parseDevices } from './devices.ts'
export { contributions, explain, paretoFront, type Contribution, type FrontPlan } from './explain.ts'
export {
  explainGroups,
  planGroups,
  predictGroups,
  type GroupedPipeline,
  type GroupOptions,
  type GroupStage,
} from './groups.ts'
export { apartSnapshot, groupHardware, type GroupOf, type SharesOf } from './group-nodes.ts'
export { hopMicros, rttMicros, unmeasuredRttMicros } from './links.ts'
export { plan, planHash, usersOf, type Objective, type Plan, type PlanOptions } from './plan.ts'
export { predict, tokenMicros, type Placement, type Prediction } from './predict.ts'
export { findRoute, type PlannedStage, type RouteRequest, type RouteResult } from './route.ts'
