/** What this package's tests share with the programs of `sim`: a world in virtual time, and the parts of a document. */
export { createWorld, swarmName, type Inhabitant, type World } from './testing/world.ts'
export { createReplica, type Replica } from './replica.ts'
export { sealRecord } from './seal.ts'
