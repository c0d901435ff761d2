/**
 * Which nodes are here. Every peer says signed words about itself, and sends beats to up to eight others that watch it. A
 * watcher that misses a peer says so to all, and the peer may contradict. Each observer measures leases by its own clock,
 * and holds a peer dead by the votes of its watchers or by a dial of its own. There is no master, and a record alone never
 * makes a peer alive, however recent it is. The rules are in `docs/membership.md`.
 *
 * @example
 * const options = { ...membershipProfiles.lan, document: manifestId, incarnation }
 * const membership = createMembership({ transport, clock, random, logger }, options)
 * membership.onEvent((event) => logger.info(event.type, event))
 * membership.start()
 * await membership.announce({ state: 'serving', span: { start: 0, end: 4 }, hardware, numericClass, version })
 * const { members } = membership.snapshot()
 * await membership.leave()
 * await membership.close()
 */
export { createConduct, type Conduct } from './neighbours/conduct.ts'
export { memberLimits } from './limits.ts'
export { createMembership } from './membership.ts'
export { hardwareRules, openHardware, sealHardware, type HardwareRecord } from './records/hardware-record.ts'
export type { Liveness } from './liveness/liveness.ts'
export {
  leaseFor,
  membershipProfiles,
  verdictBoundMs,
  type DetectorTiming,
  type MembershipOptions,
  type MembershipProfile,
} from './options.ts'
export {
  memberStates,
  type MemberDisk,
  type MemberGroup,
  type MemberHardware,
  type MemberRecord,
  type MemberState,
} from './records/record.ts'
export { unmeasuredHardware } from './records/unmeasured-hardware.ts'
export type { Announcement } from './own/self.ts'
export type { Member, Membership, MembershipDependencies, MembershipEvent } from './types.ts'
export { createSnapshot, snapshotHash, type Snapshot, type SnapshotMember } from './snapshot.ts'
