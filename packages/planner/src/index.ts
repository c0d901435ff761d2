/**
 * Which node is to hold which blocks, and which route a generation takes: pure functions of a snapshot of the membership
 * and of the model's costs. They read no clock, draw no random numbers and have no leader; times are integer microseconds.
 *
 * Reading order: docs/planner.md for the formulas; `snapshot.ts` (the input of everything), `costs/` (what a block, a hop
 * and a whole route cost), `plan.ts` and `make-plan.ts`; then `search/` (the best pipeline), `spans/` (gaps and copies),
 * `groups/` (tensor parallelism) and `route/` (one generation).
 *
 * @example
 * const snapshot = { ...membership.snapshot(), costs: modelCosts(manifest.config, manifest.profile) }
 * const { placements, uncovered } = plan(snapshot, { objective: 'latency' })
 * const route = findRoute(snapshot, { range: { start: 0, end: snapshot.costs.blockCount }, tokenBudget: 512 })
 */
export { blocksThatFit, defaultContextTokens, modelCosts, spanBytes, type ModelCosts } from './costs/costs.ts'
export { hopMicros, rttMicros, unmeasuredRttMicros } from './costs/links.ts'
export { predictByWire, type ByWire } from './costs/by-wire.ts'
export { predict, tokenMicros, type Placement, type Prediction } from './costs/predict.ts'
export { parseDevices } from './devices.ts'
export { contributions, explain, paretoFront, type Contribution, type FrontPlan } from './explain.ts'
export { explainGroups } from './groups/explain-groups.ts'
export { groupHardware } from './groups/group-hardware.ts'
export {
  planGroups,
  predictGroups,
  type GroupedPipeline,
  type GroupOptions,
  type GroupStage,
} from './groups/group-pipelines.ts'
export { apartSnapshot } from './groups/group-snapshot.ts'
export type { GroupOf, SharesOf } from './groups/grouping.ts'
export { plan, planHash, usersOf, type Objective, type Plan, type PlanOptions } from './plan.ts'
export { findRoute, type PlannedStage, type RouteRequest, type RouteResult } from './route/route.ts'
export type { PlannerSnapshot } from './snapshot.ts'
