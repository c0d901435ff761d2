/**
 * The parts of a peer, for whoever brings the transport, the clock and the computing itself: the simulator runs these
 * under virtual time. Programs want `@shoal/swarm/node`, which puts the same parts on real ones.
 */
export { createPeerLedger, type PeerLedger } from './blobs/ledger.ts'
export { fetchUnit } from './blobs/fetch-unit.ts'
export { serveBlobs, type BlobSource } from './blobs/serve.ts'
export { coordinate, type CoordinateDependencies } from './coordinate.ts'
export { createMember, type Member, type MemberDependencies, type MemberOptions } from './member.ts'
export { createLeaving } from './node/leaving.ts'
export { createScope, inScope, type Scope } from './scope.ts'
export { createSwarmView, type Planner, type SwarmView } from './view.ts'
export { wantedBy } from './wanted.ts'
