import { ControlRouter } from './control-router.ts'
import { gatewayOf } from './gateway.ts'
import { controlPort, type Place } from './messages.ts'
import type { Router, RouterDependencies, RouterPlaces } from './router.ts'
import { searchRouters } from './upnp-search.ts'
import { UpnpRouter } from './upnp-router.ts'

export const usualPlaces: RouterPlaces = {
  gatewayOf(own) {
    const ip = gatewayOf(own)
    return ip === null ? null : { ip, port: controlPort }
  },
  search: { ip: '239.255.255.250', port: 1900 },
}

/** The routers before an address of this machine, those that are asked fastest first. */
export async function* findRouters(
  own: string,
  dependencies: RouterDependencies,
  places: RouterPlaces = usualPlaces,
): AsyncGenerator<Router> {
  const gateway: Place | null = places.gatewayOf(own)
  if (gateway !== null) yield new ControlRouter(gateway, dependencies)
  for (const location of await searchRouters(own, places.search, dependencies.clock)) {
    // One that describes itself badly is none.
    const router = await UpnpRouter.at(location, dependencies.clock).catch(() => null)
    if (router !== null) yield router
  }
}
