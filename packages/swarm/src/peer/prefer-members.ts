import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'

/** Tells the transport which peers are no strangers: those whose records this node has. */
export function preferMembers(
  transport: Pick<Transport, 'prefer'>,
  membership: Pick<Membership, 'members' | 'onChange'>,
): void {
  let known: ReadonlySet<string> | null = null
  membership.onChange(() => (known = null))
  transport.prefer?.((peer) => {
    known ??= new Set(membership.members().map(({ record }) => record.peerId))
    return known.has(peer)
  })
}
