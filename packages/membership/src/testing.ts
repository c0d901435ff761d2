/** Shared by this package's tests and by `sim`: a world in virtual time, and the parts of a document. */
export { createWorld, swarmName, type Inhabitant, type World } from './testing/world.ts'
export { Replica } from './document/replica.ts'
export { sealRecord } from './records/seal.ts'
