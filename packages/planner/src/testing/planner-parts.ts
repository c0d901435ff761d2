/** Parts of the planner, for `shoal bench planner`, which measures them one by one. */
export { stageMicros } from '../costs/stage.ts'
export { bruteForce } from '../search/brute-force.ts'
export { createCluster, type Cluster } from '../search/cluster.ts'
export { planExactly } from '../search/exact.ts'
export type { Pipeline } from '../search/pipeline.ts'
export { planBySearch } from '../search/search.ts'
