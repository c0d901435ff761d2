/**
 * A swarm as a program sees it: join, generate, look at who holds what.
 *
 * `Engine` coordinates generations; `SwarmPeer` is a member or a client of a swarm. Both are made by `@shoal/swarm/node`.
 */
export type { AuditReport, CheckedEvidence } from './audit/report.ts'
export { createEngine, type EngineDependencies } from './generation/engine.ts'
export { createGroupDevice, type GroupOptions } from './groups/group-device.ts'
export type { LeadGroupDependencies } from './groups/lead-group.ts'
export type {
  Engine,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  PeerStatus,
  Progress,
  ShownAnswer,
  SwarmEvent,
  SwarmPeer,
  Outlook,
  SwarmChange,
  SwarmStatus,
  WhatIf,
  TokenLogprob,
} from './types.ts'
