/**
 * A swarm as a program sees it: join, generate, look at who holds what.
 *
 * `Engine` coordinates generations; `SwarmPeer` is a member or a client of a swarm. Both are made by `@shoal/swarm/node`.
 */
export { createEngine, type EngineDependencies } from './generation/engine.ts'
export { grouped, type GroupDeviceDependencies, type GroupOptions } from './groups/group-device.ts'
export type {
  Engine,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  PeerStatus,
  Progress,
  SwarmEvent,
  SwarmPeer,
  SwarmStatus,
  TokenLogprob,
} from './types.ts'
