import type { Multiaddr } from '@multiformats/multiaddr'

interface Dials {
  dial(address: Multiaddr, options: object): Promise<unknown>
}

/** Wraps a transport factory so that each dial asks `guard` first, which throws for one that must not be made now. */
export function withGuardedDials<Components, Made extends object>(
  make: (components: Components) => Made,
  guard: (address: Multiaddr) => void,
): (components: Components) => Made {
  return (components) => {
    const transport = make(components)
    const patched = transport as unknown as Dials
    const dial = patched.dial.bind(transport)
    patched.dial = async (address, options) => {
      guard(address)
      return dial(address, options)
    }
    return transport
  }
}
