import type { MemberRecord } from '../records/record.ts'

/** A member's first record. */
export function memberRecord(peerId: string, changes: Partial<MemberRecord> = {}): MemberRecord {
  return {
    peerId,
    incarnation: 1,
    seq: 1,
    state: 'serving',
    span: { start: 0, end: 1 },
    hardware: {
      memoryBytes: 1,
      decodeMicrosPerBlock: 1,
      prefillMicrosPerRowBlock: 1,
      bandwidthBytesPerSecond: 0,
      device: 'cpu',
      threads: 1,
    },
    numericClass: 'none',
    addresses: [],
    version: '',
    links: {},
    ...changes,
  }
}
