import { ShoalError, type Clock, type Logger, type Random, type Timer } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { drawPin, limits, type Gift, type Invite, type Role } from '@shoal/trust'
import type { IssuedInvites } from '../issued-invites.ts'
import { PairingDoor } from './pairing-door.ts'

export interface PinDeskDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly invites: IssuedInvites
  readonly welcome: (invite: Invite, peerId: string) => Promise<Gift & { readonly swarm: Uint8Array }>
  readonly addresses: () => readonly string[]
  /** Opens a transport with a key of its own, which serves nothing but what is handled. */
  readonly openDoor: () => Promise<Transport>
}

/** A PIN that is open, and where. */
export interface ShownPin {
  readonly pin: string
  readonly invite: Invite
  /** Addresses of the door. */
  readonly door: readonly string[]
}

interface Open {
  readonly inviteId: string
  readonly door: Transport
  readonly timer: Timer
}

/** Shows one PIN at a time, and has a door open only while one is shown. */
export class PinDesk {
  readonly #dependencies: PinDeskDependencies
  #open: Open | null = null
  #closed = false

  constructor(dependencies: PinDeskDependencies) {
    this.#dependencies = dependencies
  }

  /** A new PIN, in place of one that is still open. @throws {ShoalError} `bad-request` for a term beyond the limits */
  async show(role: Role, seconds: number): Promise<ShownPin> {
    const { openDoor } = this.#dependencies
    if (seconds < 1 || seconds > limits.maxPinSeconds)
      throw new ShoalError('bad-request', `a PIN is open for at most ${limits.maxPinSeconds / 60} minutes`)
    await this.#end(true)
    const door = await openDoor()
    try {
      // Another request may have opened a door meanwhile.
      while (this.#open !== null) await this.#end(true)
      if (this.#closed) throw new ShoalError('cancelled', 'the node leaves')
      return this.#openAt(door, role, seconds)
    } catch (error) {
      if (this.#open?.door !== door) await door.close()
      throw error
    }
  }

  #openAt(door: Transport, role: Role, seconds: number): ShownPin {
    const { clock, random, invites } = this.#dependencies
    const pin = drawPin(random)
    const invite = invites.issue({ pin: true, role, uses: 1, seconds })
    const end = (): void => {
      if (this.#open?.inviteId === invite.id) this.#endInBackground()
    }
    const timer = clock.after((seconds + 1) * 1000, end, { background: true })
    this.#open = { inviteId: invite.id, door, timer }
    new PairingDoor({ ...this.#dependencies, door, onEnded: end }, pin, invite.id).serve()
    return { pin, invite, door: door.addresses() }
  }

  /** Closes the door when the invite of the PIN has been revoked. */
  revoked(inviteId: string): void {
    if (this.#open?.inviteId === inviteId) this.#endInBackground()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end(true)
  }

  #endInBackground(): void {
    const { logger } = this.#dependencies
    this.#end(false).catch((error: unknown) => logger.warn('door-not-closed', { reason: String(error) }))
  }

  /** @param revoke a PIN that nobody sees any more must not stay open in the book */
  async #end(revoke: boolean): Promise<void> {
    const open = this.#open
    this.#open = null
    if (open === null) return
    open.timer.cancel()
    const { invites } = this.#dependencies
    const invite = invites.byId(open.inviteId)
    if (revoke && invite !== undefined && invites.state(invite) === 'open') invites.revoke(open.inviteId)
    await open.door.close()
  }
}
