/**
 * Tensor parallelism: several peers, the ranks of a group, compute every block of a span together.
 *
 * Reading order: docs/tensor-parallel.md; `collectives/exchange.ts` (what ranks send each other for a sum); `runner/` (the
 * leader, which looks like any block runner to the session above it) and `forming/` (how a leader forms its group);
 * `rank/rank-host.ts` (a node as a member of groups); `lanes/` (sums made by the computing threads themselves); `head/` (the
 * logits, shared by the ranks).
 *
 * @example
 * const group = await createGroupRunner(dependencies, { manifestId, profile, range, split, numericClass, members }, signal)
 * await group.open('session', 512)
 */
export { predictedExchangeMs, chooseAlgorithm, type ExchangeCosts } from './collectives/cost/cost-model.ts'
export { algorithms, type Algorithm } from './collectives/exchange.ts'
export type { GroupPeer } from './forming/formation.ts'
export { measureLinks } from './forming/measure-links.ts'
export type { GroupHead } from './head/group-head.ts'
export { groupTimes } from './limits.ts'
export { createEcho } from './rank/echo.ts'
export { createGroupRank, type GroupRank } from './rank/group-rank.ts'
export type { LoadShare, ShareRequest } from './rank/loaded-shares.ts'
export { createRankHost, type RankHost, type RankHostOptions } from './rank/rank-host.ts'
export { createRankLink, type RankLink } from './rank-link.ts'
export { createGroupRunner } from './runner/group-runner.ts'
export type { GroupRunner, GroupRunnerDependencies, GroupRunnerOptions } from './runner/runner-types.ts'
