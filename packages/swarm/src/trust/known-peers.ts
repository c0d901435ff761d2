import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { StagePeers } from '@shoal/session'

/** Tells transport and stages which peers are no strangers: those whose signed records this node has. */
export function createKnownPeers(
  transport: Pick<Transport, 'peerId' | 'prefer' | 'networkOf'>,
  membership: Pick<Membership, 'members' | 'onChange'>,
): StagePeers {
  let byPeer: ReadonlyMap<string, readonly string[]> | null = null
  membership.onChange(() => (byPeer = null))
  const addressesOf = (peer: string): readonly string[] | undefined => {
    byPeer ??= new Map(membership.members().map(({ record }) => [record.peerId, record.addresses]))
    return byPeer.get(peer)
  }
  transport.prefer?.((peer) => addressesOf(peer) !== undefined)
  const isMember = (peer: string): boolean => addressesOf(peer) !== undefined
  return {
    standing: (peer) => (peer === transport.peerId ? 'self' : isMember(peer) ? 'member' : 'stranger'),
    account: (peer) => (isMember(peer) ? peer : (transport.networkOf?.(peer) ?? peer)),
    addresses(peer, named) {
      const signed = addressesOf(peer) ?? []
      const agreed = named.filter((address) => signed.includes(address))
      return agreed.length > 0 ? agreed : signed
    },
  }
}
