import { unmeasuredHardware, type SnapshotMember } from '@shoal/membership'

/** The snapshot entry of a peer that is no member, such as a client: it holds no blocks and takes none. */
export function noMember(peerId: string): SnapshotMember {
  return {
    peerId,
    incarnation: 0,
    state: 'joining',
    span: null,
    hardware: unmeasuredHardware,
    numericClass: 'none',
    addresses: [],
    links: {},
  }
}
