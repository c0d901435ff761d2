import type { SnapshotMember } from '@shoal/membership'

/** The snapshot entry of a peer that is no member, such as a client: it holds no blocks and takes none. */
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
