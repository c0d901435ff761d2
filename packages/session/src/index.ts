/**
 * One generation along a given route: a coordinator that has embedding, head and sampler, and stages that hold the blocks.
 * Read docs/session.md first; then `step-rules.ts` (what a stage accepts), `stage-session.ts` (what it does with it) and
 * `route-session.ts` (the coordinator), docs/failover.md and `failover-rules.ts` (what happens when a stage is lost), then
 * `relocation.ts` and `stage-hand-over.ts` (when one leaves).
 *
 * Routes, runners and the transport are handed in. Nothing here knows a planner, a model's text or its tokens' meaning.
 *
 * @example
 * // A node:
 * const host = createStageHost({ transport, clock, logger }, { manifestId, profile: 'int4:32', numericClass, incarnation })
 * await host.setRunners([runner])
 *
 * // A coordinator:
 * const coordinator = createCoordinator({ transport, clock, logger })
 * const session = await coordinator.open({ session: randomHex(random, 16), manifestId, profile: 'int4:32', hiddenSize, range, route, tokenBudget: 512 })
 * try {
 *   for await (const { tokenId } of generateTokens({ session, embedding, head, sampler, promptIds, maxTokens: 64 })) print(tokenId)
 * } finally {
 *   await session.close()
 * }
 */
export { createCoordinator, openRouteSession, type Coordinator } from './coordinator.ts'
export type { CoordinatorDependencies } from './coordinator-links.ts'
export { predictedStepMs, stepDeadlineMs } from './deadline.ts'
export { generateTokens, type GeneratedToken, type GenerateOptions, type TokenSampler } from './generate.ts'
export { sessionLimits, sessionTimes, type SessionTimes } from './limits.ts'
export { predictedExchangeMs, chooseAlgorithm, type ExchangeCosts } from './collectives/cost-model.ts'
export { algorithms, type Algorithm } from './collectives/exchange.ts'
export { createEcho } from './group/echo.ts'
export type { GroupPeer } from './group/formation.ts'
export { createGroupRank, type GroupRank } from './group/group-rank.ts'
export { measureLinks } from './group/measure-links.ts'
export { createRankLink, type RankLink } from './group/rank-link.ts'
export type { GroupHead } from './group/group-head.ts'
export type { GroupRunner } from './group/led-group.ts'
export {
  createGroupRunner,
  type GroupRunnerDependencies,
  type GroupRunnerOptions,
} from './group/group-runner.ts'
export type { LoadShare, ShareRequest } from './group/loaded-shares.ts'
export { createRankHost, type RankHost, type RankHostOptions } from './group/rank-host.ts'
export { createLocalSession, type LocalSessionOptions } from './local-session.ts'
export { prefill, rowsFrom, type PrefillOptions, type RowSource } from './prefill.ts'
export type { RouteSessionOptions } from './route-session-options.ts'
export { StageError } from './stage-error.ts'
export {
  createStageHost,
  type StageHost,
  type StageHostDependencies,
  type StageHostOptions,
  type StageMemory,
} from './stage-host.ts'
export type { StageEvent } from './stage-table.ts'
export type { ForwardOptions, HiddenSession, Route, RouteFinder, RouteStage, RouteWish } from './types.ts'
