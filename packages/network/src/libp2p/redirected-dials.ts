import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/** Addresses to dial in place of others, without `/p2p/…`, such as a relay between this peer and another. */
export type DialInstead = Readonly<Record<string, string>>

/** The address to dial for another: its replaced beginning, and the rest of it. */
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

/** Wraps a transport factory so that every dial of the node is redirected. */
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
