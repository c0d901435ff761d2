/**
 * Who is here. Every peer signs one record about itself into a replicated map (yjs) and beats; every observer verifies
 * records, measures leases by its own clock, and dials back before it holds anybody dead. There is no master, and no
 * snapshot, however young, makes a dead peer alive. `docs/membership.md` gives the rules.
 *
 * @example
 * const membership = createMembership({ transport, clock, random, logger }, { ...membershipProfiles.lan, document: manifestId, incarnation })
 * membership.onEvent((event) => logger.info(event.type, event))
 * membership.start()
 * await membership.announce({ state: 'serving', span: { start: 0, end: 4 }, hardware, numericClass, version })
 * const { members } = membership.snapshot()
 * await membership.leave()
 * await membership.close()
 */
export { createConduct, type Conduct } from './neighbours/conduct.ts'
export { createMembership } from './membership.ts'
export { hardwareRules, openHardware, sealHardware, type HardwareRecord } from './records/hardware-record.ts'
export type { Liveness } from './liveness/liveness.ts'
export {
  leaseFor,
  membershipProfiles,
  type DetectorTiming,
  type MembershipOptions,
  type MembershipProfile,
} from './options.ts'
export {
  memberStates,
  type MemberGroup,
  type MemberHardware,
  type MemberRecord,
  type MemberState,
} from './records/record.ts'
export type { Announcement, BeatLoad } from './own/self.ts'
export type { Member, Membership, MembershipDependencies, MembershipEvent } from './types.ts'
export { createSnapshot, snapshotHash, type Snapshot, type SnapshotMember } from './snapshot.ts'
