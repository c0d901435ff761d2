import type { Multiaddr } from '@multiformats/multiaddr'

interface Dials {
  dial(address: Multiaddr, options: object): Promise<unknown>
}

/**
 * Wraps a transport factory so that each dial asks `guard` first, which throws for one that must not be made now.
 * @param told how each dial has ended: with an error, or undefined
 */
export function withGuardedDials<Components, Made extends object>(
  make: (components: Components) => Made,
  guard: (address: Multiaddr) => void,
  told: (address: Multiaddr, error?: unknown) => void = () => undefined,
): (components: Components) => Made {
  return (components) => {
    const transport = make(components)
    const patched = transport as unknown as Dials
    const dial = patched.dial.bind(transport)
    patched.dial = async (address, options) => {
      guard(address)
      try {
        const connection = await dial(address, options)
        told(address)
        return connection
      } catch (error) {
        told(address, error)
        throw error
      }
    }
    return transport
  }
}
