/**
 * Swarms on this machine: models from folders, packed weights in a data directory, libp2p and onnxruntime.
 *
 * @example
 * const engine = await openLocalEngine({ clock: systemClock, random: systemRandom, logger }, { model: 'demo', dataFolder, threads: 1 })
 * for await (const event of engine.generate({ promptIds, maxTokens: 64, sampling: engine.defaultSampling })) …
 */
export type { AuditOptions } from './audit/audit-desk.ts'
export { auditReport, checkEvidence } from './audit/report.ts'
export { lookForRouter, verifySignature, whyNoPunching, type FoundRouter } from '@shoal/network'
export { chooseProfile } from './weights/profile/choose-profile.ts'
export { packModel, openLocalEngine, type LocalEngineOptions } from './generation/local-engine.ts'
export { connectClient, type ClientOptions, type ClientPeer } from './peer/connect-client.ts'
export { startBootstrap, type BootstrapOptions, type BootstrapPeer } from './peer/start-bootstrap.ts'
export { startRank, type RankOptions, type RankPeer } from './peer/start-rank.ts'
export { startNode, type NodeOptions, type ServingPeer } from './peer/start-node.ts'
export type {
  GrantReport,
  InviteReport,
  NewInvite,
  PrivateSwarm,
  ShownPin,
} from './admission/private-swarm.ts'
export { computeProviders, type ComputeProvider } from '@shoal/runtime'
export { streamedBytesPerSecond, type StreamedSpan } from './placement/held/streamed-span.ts'
export type { BlockSpeed } from './measuring/calibration/calibrate.ts'
export { openReference, type Reference } from './weights/reference.ts'
