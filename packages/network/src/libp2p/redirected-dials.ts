import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/** Addresses to dial instead of others, without `/p2p/…`: a relay of this peer's own on its way to somebody. */
export type DialInstead = Readonly<Record<string, string>>

/** Where to dial for an address: what stands for its beginning, with the rest of it. */
export function redirected(address: Multiaddr, instead: DialInstead): Multiaddr {
  const [network, transport, ...rest] = address.getComponents()
  if (network === undefined || transport === undefined) return address
  const begin = `/${network.name}/${network.value ?? ''}/${transport.name}/${transport.value ?? ''}`
  const other = instead[begin]
  if (other === undefined) return address
  const end = rest.map(({ name, value }) => `/${name}${value === undefined ? '' : `/${value}`}`).join('')
  return multiaddr(`${other}${end}`)
}

interface Dials {
  dial(address: Multiaddr, options: object): unknown
}

/** A transport factory that dials elsewhere: every dial of the node passes here, whoever asked for it. */
export function withRedirectedDials<Components, Made extends object>(
  make: (components: Components) => Made,
  instead: DialInstead,
): (components: Components) => Made {
  return (components) => {
    const transport = make(components)
    const patched = transport as unknown as Dials
    const dial = patched.dial.bind(transport)
    patched.dial = (address, options) => dial(redirected(address, instead), options)
    return transport
  }
}
