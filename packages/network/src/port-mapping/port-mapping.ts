import { messageOf, ShoalError, sleep, type Logger } from '@shoal/host'
import { isGlobal } from '../libp2p/relay/global-address.ts'
import { limits } from '../limits.ts'
import { findRouters } from './find-router.ts'
import type { Place } from './messages.ts'
import type { Grant, Router, RouterDependencies, RouterPlaces } from './router.ts'

/** Whether a router forwards a port to this node. */
export interface PortMappingStatus {
  readonly state: 'not-needed' | 'asking' | 'mapped' | 'none'
  readonly protocol: Router['protocol'] | null
  /** Multiaddr at which the internet reaches this node through the router. */
  readonly address: string | null
  /** In words. */
  readonly why: string
}

interface Mapped {
  readonly router: Router
  readonly place: Place
  readonly grant: Grant
}

const nothingNeeded: PortMappingStatus = {
  state: 'not-needed',
  protocol: null,
  address: null,
  why: 'this node listens on no address of a local network, or has one of the internet',
}

/** Has the router before this node forward a port to it, renews that, and ends it when the node leaves. */
export class PortMapping {
  readonly #parts: RouterDependencies & { readonly logger: Logger }
  readonly #places: RouterPlaces | undefined
  #place: Place | null = null
  #mapped: Mapped | null = null
  #status = nothingNeeded
  #nextMs = 0
  #failures = 0
  #underWay: Promise<void> | null = null
  #closed = false

  constructor(dependencies: RouterDependencies & { readonly logger: Logger }, places?: RouterPlaces) {
    this.#parts = dependencies
    this.#places = places
  }

  status(): PortMappingStatus {
    return this.#status
  }

  /** Asks the router when that is due. @param place where this node listens in a local network; null when it needs no mapping */
  turn(place: Place | null): void {
    if (this.#closed || this.#underWay !== null) return
    const isSame = place?.ip === this.#place?.ip && place?.port === this.#place?.port
    if (isSame && (place === null || this.#nextMs > this.#parts.clock.nowMs())) return
    this.#underWay = this.#take(place, isSame).finally(() => (this.#underWay = null))
  }

  /** Ends the mapping, within a second. */
  async close(): Promise<void> {
    this.#closed = true
    const ended = (async () => {
      await this.#underWay
      await this.#end()
    })()
    await Promise.race([ended, sleep(this.#parts.clock, limits.routerGoodbyeMs)])
  }

  /** Never rejects. */
  async #take(place: Place | null, isSame: boolean): Promise<void> {
    const { clock, logger } = this.#parts
    if (!isSame) await this.#end()
    this.#place = place
    if (place === null) {
      this.#status = nothingNeeded
      return
    }
    if (this.#mapped === null)
      this.#status = { ...nothingNeeded, state: 'asking', why: 'the router is asked' }
    const before = this.#status.address
    try {
      this.#mapped = await this.#ask(place)
      const { router, grant } = this.#mapped
      const address = `/ip4/${grant.external.ip}/tcp/${grant.external.port}`
      this.#failures = 0
      const renewMs = Math.min(grant.lifetimeMs / 2, limits.portMappingRenewMs)
      this.#nextMs = clock.nowMs() + Math.max(renewMs, limits.portMappingRenewMsMin)
      const why = `the router forwards port ${grant.external.port} (${router.protocol})`
      this.#status = { state: 'mapped', protocol: router.protocol, address, why }
      if (address !== before) logger.info('port-mapped', { address, protocol: router.protocol })
    } catch (error) {
      this.#mapped = null
      this.#failures += 1
      const pauseMs = limits.portMappingRetryMsMin * 2 ** Math.min(this.#failures - 1, 10)
      this.#nextMs = clock.nowMs() + Math.min(pauseMs, limits.portMappingRetryMsMax)
      this.#status = { ...nothingNeeded, state: 'none', why: messageOf(error) }
      if (before !== null) logger.warn('port-mapping-lost', { address: before, reason: messageOf(error) })
      else logger.debug('port-not-mapped', { reason: messageOf(error) })
    }
  }

  /** The router that has granted a port before, or the first one that does. @throws {ShoalError} why none does */
  async #ask(place: Place): Promise<Mapped> {
    let why: unknown = new ShoalError('no-capacity', 'no router of this network answers PCP, NAT-PMP or UPnP')
    const known = this.#mapped
    if (known !== null)
      try {
        return await this.#askOne(known.router, place, known.grant.external.port)
      } catch (error) {
        why = error
      }
    for await (const router of findRouters(place.ip, this.#parts, this.#places))
      try {
        return await this.#askOne(router, place, known?.grant.external.port ?? place.port)
      } catch (error) {
        // Silence says less than what another router says.
        if (!(error instanceof ShoalError && error.code === 'peer-vanished')) why = error
      }
    throw why
  }

  async #askOne(router: Router, place: Place, externalPort: number): Promise<Mapped> {
    const grant = await router.map(place, externalPort, limits.portMappingMs)
    if (isGlobal(grant.external.ip)) return { router, place, grant }
    await router.unmap(place, grant).catch(() => undefined)
    throw new ShoalError(
      'no-capacity',
      `the router forwards a port, but has the address ${grant.external.ip} itself: a second router (often the carrier’s) stands before it`,
    )
  }

  async #end(): Promise<void> {
    const mapped = this.#mapped
    this.#mapped = null
    if (mapped === null) return
    const reason = await mapped.router.unmap(mapped.place, mapped.grant).catch(messageOf)
    this.#parts.logger.debug('port-unmapped', { ...(reason !== undefined && { reason }) })
  }
}
