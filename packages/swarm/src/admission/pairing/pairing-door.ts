import { messageOf, ShoalError, timeLimit, type Clock, type Logger, type Random } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import {
  decodeBegin,
  decodeProof,
  encodeOffer,
  encodePairingRefused,
  encodePairingWelcome,
  includesRole,
  limits,
  MemberPairing,
  Refusal,
  type Gift,
  type Invite,
} from '@shoal/trust'
import { swarmLimits } from '../../limits.ts'
import type { IssuedInvites } from '../issued-invites.ts'
import { framesOf } from './frames-of.ts'

export interface PairingDoorDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The door: a transport with a key of its own, which serves nothing else. */
  readonly door: Pick<Transport, 'peerId' | 'handle'>
  readonly invites: IssuedInvites
  /** Signs what the newcomer gets. */
  readonly welcome: (invite: Invite, peerId: string) => Promise<Gift & { readonly swarm: Uint8Array }>
  /** Where the newcomer will find this member. */
  readonly addresses: () => readonly string[]
  /** The PIN is spent, or wrong tries have ended it. */
  readonly onEnded: () => void
}

/**
 * Lets in one newcomer that knows the PIN. Runs of the exchange are limited in number and rate, as each costs some
 * milliseconds of computing.
 */
export class PairingDoor {
  readonly #dependencies: PairingDoorDependencies
  readonly #pin: string
  readonly #inviteId: string
  readonly #underWay = new Set<string>()
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(dependencies: PairingDoorDependencies, pin: string, inviteId: string) {
    this.#dependencies = dependencies
    this.#pin = pin
    this.#inviteId = inviteId
  }

  serve(): void {
    this.#dependencies.door.handle(protocols.pair, (channel) => this.#answer(channel))
  }

  #answer(channel: Channel): void {
    const { clock, logger } = this.#dependencies
    const late = (): ShoalError => new ShoalError('deadline-passed', 'the newcomer did not answer')
    const limit = timeLimit(clock, swarmLimits.pairingTimeoutMs, late)
    const frames = framesOf(channel)
    this.#pair(channel, () => frames.next(limit.signal))
      .catch((error: unknown) => {
        const reason = messageOf(error)
        logger.debug('pairing-failed', { peer: channel.remotePeer, reason })
        channel.abort(error instanceof Error ? error : new Error(reason))
      })
      .finally(() => {
        limit.clear()
        if (this.#openInvite() === null) this.#dependencies.onEnded()
      })
      .catch((error: unknown) => logger.warn('pairing-door-not-closed', { reason: messageOf(error) }))
  }

  async #pair(channel: Channel, receive: () => Promise<Uint8Array>): Promise<void> {
    const peer = channel.remotePeer
    const begin = decodeBegin(await receive())
    const offered = this.#openInvite()
    if (offered === null) return await refuse(channel, 'no-pin')
    if (!includesRole(offered.role, begin.wants)) return await refuse(channel, 'no-grant')
    if (!this.#begins(peer)) return await refuse(channel, 'full')
    try {
      const { random, door } = this.#dependencies
      const run = new MemberPairing(
        {
          pin: this.#pin,
          ends: { member: door.peerId, newcomer: peer },
          random,
        },
        begin,
      )
      await channel.send(encodeOffer(run.offer))
      const proof = decodeProof(await receive())
      // Another run may have ended the PIN meanwhile: from here to the verdict nothing waits.
      const invite = this.#openInvite()
      if (invite === null) return await refuse(channel, 'no-pin')
      const tag = run.check(proof)
      if (tag === null) return await this.#countWrongPin(channel)
      await this.#letIn(channel, invite, tag)
    } finally {
      this.#underWay.delete(peer)
    }
  }

  /** Whether a run may begin now. */
  #begins(peer: string): boolean {
    const nowMs = this.#dependencies.clock.nowMs()
    if (this.#underWay.has(peer) || this.#underWay.size >= swarmLimits.pairingsAtOnce) return false
    if (nowMs - this.#lastMs < swarmLimits.pairingPauseMs) return false
    this.#lastMs = nowMs
    this.#underWay.add(peer)
    return true
  }

  async #countWrongPin(channel: Channel): Promise<void> {
    const { invites, logger } = this.#dependencies
    const { refused = [] } = invites.wrongPin(this.#inviteId, channel.remotePeer) ?? {}
    logger.warn('wrong-pin', { peer: channel.remotePeer, left: limits.maxWrongPins - refused.length })
    await refuse(channel, 'wrong-pin')
  }

  async #letIn(channel: Channel, invite: Invite, tag: Uint8Array): Promise<void> {
    const { invites, welcome, addresses } = this.#dependencies
    const refusal = invites.use(invite, channel.remotePeer)
    if (refusal !== null) return await refuse(channel, refusal)
    const { swarm, chain, secrets } = await welcome(invite, channel.remotePeer).catch((error: unknown) => {
      throw error instanceof Refusal ? new ShoalError('not-admitted', error.message) : error
    })
    await channel.send(
      encodePairingWelcome({
        tag,
        swarm,
        gift: { chain, secrets },
        addresses: addresses().slice(0, limits.maxPairingAddresses),
      }),
    )
    await channel.close()
  }

  /** The invite of the PIN, while it is open. */
  #openInvite(): Invite | null {
    const { invites } = this.#dependencies
    const invite = invites.byId(this.#inviteId)
    return invite !== undefined && invites.state(invite) === 'open' ? invite : null
  }
}

async function refuse(channel: Channel, code: Parameters<typeof encodePairingRefused>[0]): Promise<void> {
  await channel.send(encodePairingRefused(code))
  await channel.close()
}
