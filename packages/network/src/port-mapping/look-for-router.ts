import { bridgeAddresses } from '../libp2p/relay/interfaces.ts'
import { findRouters } from './find-router.ts'
import { placeToMap } from './place-to-map.ts'
import type { Router, RouterDependencies, RouterPlaces } from './router.ts'

/** A router that could forward a port, and its own address. */
export interface FoundRouter {
  readonly protocol: Router['protocol']
  readonly address: string
}

/**
 * Whether a router of the network could be asked for a port; it is only asked for its address.
 * @param own IP addresses of this machine
 * @returns null when none answers, or none is needed
 */
export async function lookForRouter(
  own: readonly string[],
  dependencies: RouterDependencies,
  places?: RouterPlaces,
): Promise<FoundRouter | null> {
  const addresses = own.filter((ip) => !ip.includes(':')).map((ip) => `/ip4/${ip}/tcp/1`)
  const place = placeToMap(addresses, bridgeAddresses(), places === undefined ? undefined : () => true)
  if (place === null) return null
  for await (const router of findRouters(place.ip, dependencies, places)) {
    const address = await router.address().catch(() => null)
    if (address !== null)
      return { protocol: router.protocol === 'pcp' ? 'nat-pmp' : router.protocol, address }
  }
  return null
}
