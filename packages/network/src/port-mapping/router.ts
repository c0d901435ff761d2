import type { Clock, Random } from '@shoal/host'
import type { Place } from './messages.ts'

/** A port that a router forwards. */
export interface Grant {
  /** Where others reach it; the address is the router's own. */
  readonly external: Place
  readonly lifetimeMs: number
}

/** A router that can be asked to forward a port. */
export interface Router {
  readonly protocol: 'pcp' | 'nat-pmp' | 'upnp'
  /**
   * Forwards a port to a place of this machine, or prolongs that.
   * @param externalPort which one is wanted; the router may choose another
   * @throws {ShoalError} `no-capacity` when it refuses, with the reason
   */
  map(place: Place, externalPort: number, lifetimeMs: number): Promise<Grant>
  unmap(place: Place, grant: Grant): Promise<void>
  /** The router's address as others see it; null when it does not tell. */
  address(): Promise<string | null>
}

export interface RouterDependencies {
  readonly clock: Clock
  readonly random: Random
}

/** Where routers are asked; other ones in tests. */
export interface RouterPlaces {
  /** Of the router before one of this machine's addresses; null when it is not known. */
  readonly gatewayOf: (own: string) => Place | null
  /** Where routers with UPnP are asked to say where they are. */
  readonly search: Place
}
