import { ShoalError } from '@shoal/host'
import { askByUdp } from './ask-by-udp.ts'
import {
  encodePcpMap,
  encodePmpAddress,
  encodePmpMap,
  readPcpMap,
  readPmpAddress,
  readPmpMap,
  type Answer,
  type Place,
} from './messages.ts'
import type { Grant, Router, RouterDependencies } from './router.ts'

/** A router that is asked by PCP, and by NAT-PMP where it speaks only that. */
export class ControlRouter implements Router {
  readonly #gateway: Place
  readonly #parts: RouterDependencies
  /** By which the router recognises this machine's own mapping. */
  readonly #nonce: Uint8Array
  #speaks: 'pcp' | 'nat-pmp' = 'pcp'

  constructor(gateway: Place, dependencies: RouterDependencies) {
    this.#gateway = gateway
    this.#parts = dependencies
    this.#nonce = dependencies.random.bytes(12)
  }

  get protocol(): 'pcp' | 'nat-pmp' {
    return this.#speaks
  }

  /** @throws {ShoalError} `peer-vanished` when nobody answers there */
  async map(place: Place, externalPort: number, lifetimeMs: number): Promise<Grant> {
    const answer = await this.#ask(place, externalPort, Math.round(lifetimeMs / 1000))
    if (answer === null) throw new ShoalError('peer-vanished', 'no router answers PCP or NAT-PMP')
    if (answer.kind !== 'granted')
      throw new ShoalError(
        'no-capacity',
        answer.kind === 'refused' ? `the router refuses: ${answer.why}` : 'the router speaks neither version',
      )
    const ip = answer.ip ?? (await this.address())
    if (ip === null)
      throw new ShoalError('no-capacity', 'the router does not say which address of the internet it has')
    return { external: { ip, port: answer.port }, lifetimeMs: answer.lifetimeS * 1000 }
  }

  async unmap(place: Place): Promise<void> {
    await this.#ask(place, 0, 0)
  }

  async address(): Promise<string | null> {
    const { clock } = this.#parts
    return await askByUdp(this.#gateway, encodePmpAddress, readPmpAddress, clock)
  }

  async #ask(place: Place, externalPort: number, lifetimeS: number): Promise<Answer | null> {
    if (this.#speaks === 'pcp') {
      const answer = await this.#askPcp(place, externalPort, lifetimeS)
      if (answer?.kind !== 'other-version') return answer
      this.#speaks = 'nat-pmp'
    }
    return askByUdp(
      this.#gateway,
      () => encodePmpMap(place.port, externalPort, lifetimeS),
      (packet) => readPmpMap(packet, place.port),
      this.#parts.clock,
    )
  }

  #askPcp(place: Place, externalPort: number, lifetimeS: number): Promise<Answer | null> {
    return askByUdp(
      this.#gateway,
      (own) => encodePcpMap({ ...place, ip: own }, externalPort, lifetimeS, this.#nonce),
      (packet) => readPcpMap(packet, place.port, this.#nonce),
      this.#parts.clock,
    )
  }
}
