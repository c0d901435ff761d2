import type { Logger } from '@shoal/host'
import { limits, readGrant, type Gift, type Invite, type Standing, type SwarmSecret } from '@shoal/trust'
import type { GrantSigner } from './grant-signer.ts'
import type { SwarmPass } from './files/swarm-pass.ts'

export interface GiftsDependencies {
  readonly logger: Logger
  readonly signer: GrantSigner
  /** The secrets that open the swarm's door now. */
  readonly secrets: () => readonly SwarmSecret[]
  readonly nowSeconds: () => number
}

/** What this peer gives to newcomers, and to members whose grants end soon: a grant, and the swarm's secrets. */
export class Gifts {
  readonly #dependencies: GiftsDependencies

  constructor(dependencies: GiftsDependencies) {
    this.#dependencies = dependencies
  }

  /** The gift for a peer that has come in by an invite. @throws {Refusal} */
  async give(invite: Invite, peerId: string, pass: SwarmPass): Promise<Gift> {
    const { signer, secrets, logger } = this.#dependencies
    const chain = await signer.chainFor(peerId, invite.role, pass)
    logger.info('invite-used', { invite: invite.id, peer: peerId, role: invite.role })
    return { chain, secrets: secrets() }
  }

  /** The gift for a member whose grant ends soon; null when there is no need, or when this peer is no admin. */
  async renewal(
    peerId: string,
    { role, until }: Standing,
    shown: readonly Uint8Array[],
    pass: SwarmPass,
  ): Promise<Gift | null> {
    const { signer, secrets, nowSeconds } = this.#dependencies
    const [[grant], [own]] = [shown.map(readGrant), pass.chain.map(readGrant)]
    const byAdmin = shown.length === (role === 'admin' ? 1 : 2)
    if (grant === undefined || own?.role !== 'admin' || !byAdmin || !signer.mayGive(role, pass)) return null
    const term = role === 'admin' ? limits.adminSeconds : limits.grantSeconds
    if (until - nowSeconds() > term / 2) return null
    return { chain: await signer.chainFor(peerId, role, pass, grant.from), secrets: secrets() }
  }
}
