/** The planner's parts, for programs that measure them one by one: `shoal bench planner`. */
export { bruteForce } from './brute-force.ts'
export { createCluster, stageMicros, type Cluster } from './cluster.ts'
export { planExactly } from './exact.ts'
export type { Pipeline } from './pipeline.ts'
export { planBySearch } from './search.ts'
