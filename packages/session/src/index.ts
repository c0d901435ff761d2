/**
 * One generation along a given route: a coordinator that has embedding, head and sampler, and stages that hold the blocks.
 * Read docs/session.md first, then `step-rules.ts` (which steps a stage accepts), `stage-session.ts` (how it computes
 * them) and `route-session.ts` (the coordinator). For a stage that is lost: docs/failover.md, `replay-rules.ts`,
 * `active-route.ts` and `rerouter.ts`; for one that leaves: `moves.ts`, `transfers.ts` and `stage-hand-over.ts`.
 *
 * Routes, runners and the transport are handed in. This package imports no planner and no tokenizer.
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
export { createSparedSession, type SparedSessionOptions } from './coordinator/spare/spared-session.ts'
export { createCoordinator, openRouteSession, type Coordinator } from './coordinator/coordinator.ts'
export type { CoordinatorDependencies, ReceiptListener } from './coordinator/stage-links.ts'
export { predictedStepMs, stepDeadlineMs } from './coordinator/steps/step-deadline.ts'
export {
  generateTokens,
  type GeneratedToken,
  type GenerateOptions,
  type TokenSampler,
} from './generation/generate.ts'
export type { Drafter } from './coordinator/speculation/drafters/drafter.ts'
export type { Speculation } from './coordinator/speculation/speculate.ts'
export { CombinedDrafter } from './coordinator/speculation/drafters/combined-drafter.ts'
export { ModelDrafter } from './coordinator/speculation/drafters/model-drafter.ts'
export { SuffixDrafter } from './coordinator/speculation/drafters/suffix-drafter.ts'
export { sessionLimits, sessionTimes, type SessionTimes } from './route/limits.ts'
export { createLocalSession, type LocalSessionOptions } from './generation/local-session.ts'
export { prefill, rowsFrom, type PrefillOptions, type RowSource } from './generation/prefill.ts'
export type { RoutePrefix, RouteSessionOptions } from './coordinator/route-session-options.ts'
export { StageError } from './route/stage-error.ts'
export {
  createStageHost,
  type StageHost,
  type StageHostDependencies,
  type StageHostOptions,
  type StageMemory,
} from './stage/stage-host.ts'
export type { StagePeers } from './stage/opening/opening-context.ts'
export type { StageEvent } from './stage/stage-table.ts'
export type {
  ForwardOptions,
  HiddenSession,
  Route,
  RouteFinder,
  RouteSession,
  RouteStage,
  RouteWish,
} from './route/types.ts'
