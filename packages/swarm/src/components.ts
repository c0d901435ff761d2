/**
 * The parts of a peer, for whoever brings the transport, the clock and the computing itself: the simulator runs these
 * under virtual time. Programs want `@shoal/swarm/node`, which puts the same parts on real ones.
 */
export { Auditor, type AuditStage } from './audit/auditor.ts'
export { rowsToAudit } from './audit/limits.ts'
export { ReceiptLedger } from './audit/receipt-ledger.ts'
export { convict } from './audit/verdict.ts'
export { createReputation, type Reputation } from './trust/reputation.ts'
export { fetchUnit } from './weights/blobs/fetching/fetch-unit.ts'
export { serveBlobs, type BlobSource } from './weights/blobs/serve.ts'
export { coordinate, type CoordinateDependencies } from './generation/coordinate.ts'
export { ownVocabulary } from './vocabulary/vocabulary.ts'
export { createMember, type Member, type MemberDependencies, type MemberOptions } from './peer/member.ts'
export { createLeaving } from './peer/leaving.ts'
export { createScope, inScope, type Scope } from './scope.ts'
export { createSwarmView, type Planner, type SwarmView } from './view/swarm-view.ts'
export { wantedBy } from './placement/wanted.ts'
