import type { Membership, Snapshot } from '@shoal/membership'

/**
 * The members that plans and routes are made of: those held alive, without peers whose wrong results are proven. The same
 * object is returned while nothing in it has changed.
 */
export function withoutBanned(
  membership: Pick<Membership, 'snapshot'>,
  banned: () => ReadonlyMap<string, number>,
): () => Snapshot {
  let last: { readonly all: Snapshot; readonly out: string; readonly rest: Snapshot } | null = null
  return () => {
    const all = membership.snapshot()
    const peers = [...banned().keys()].sort()
    if (peers.length === 0) return all
    const out = peers.join(' ')
    if (last?.all !== all || last.out !== out) {
      const members = all.members.filter(({ peerId }) => !peers.includes(peerId))
      last = { all, out, rest: members.length === all.members.length ? all : { ...all, members } }
    }
    return last.rest
  }
}
