import type { SnapshotMember } from '@shoal/membership'

/** Somebody who holds nothing and takes nothing. */
export function noMember(peerId: string): SnapshotMember {
  const hardware = {
    memoryBytes: 0,
    decodeMicrosPerBlock: 0,
    prefillMicrosPerRowBlock: 0,
    bandwidthBytesPerSecond: 0,
    device: 'none',
    threads: 0,
  }
  return {
    peerId,
    incarnation: 0,
    state: 'joining',
    span: null,
    hardware,
    numericClass: 'none',
    addresses: [],
    links: {},
  }
}
