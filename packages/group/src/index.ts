/**
 * Tensor parallelism: several peers (ranks) that compute every block of a span together. Read docs/tensor-parallel.md
 * first; then `collectives/exchange.ts` (what ranks send each other), `runner/group-runner.ts` (the leader, which looks
 * like any block runner to the session above it), `rank/rank-host.ts` (a rank that serves leaders), `lanes/` (sums made
 * by the computing threads themselves).
 *
 * @example
 * const group = await createGroupRunner(dependencies, { peers, range, split, algorithm: 'star' })
 * await group.open('session', 512)
 */
export { predictedExchangeMs, chooseAlgorithm, type ExchangeCosts } from './collectives/cost-model.ts'
export { algorithms, type Algorithm } from './collectives/exchange.ts'
export { createEcho } from './rank/echo.ts'
export type { GroupPeer } from './runner/formation.ts'
export { createGroupRank, type GroupRank } from './rank/group-rank.ts'
export { measureLinks } from './runner/measure-links.ts'
export { createRankLink, type RankLink } from './rank-link.ts'
export type { GroupHead } from './head/group-head.ts'
export type { GroupRunner } from './runner/led-group.ts'
export {
  createGroupRunner,
  type GroupRunnerDependencies,
  type GroupRunnerOptions,
} from './runner/group-runner.ts'
export type { LoadShare, ShareRequest } from './rank/loaded-shares.ts'
export { createRankHost, type RankHost, type RankHostOptions } from './rank/rank-host.ts'
export { groupTimes } from './limits.ts'
