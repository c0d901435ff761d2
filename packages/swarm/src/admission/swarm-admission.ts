import { messageOf, type Clock, type Logger, type Random } from '@shoal/host'
import { peerIdOfRawKey, rawKeyOf, verifyWithKey } from '@shoal/network'
import type { Admission, AdmissionAnswer, OpenDoor } from '@shoal/network'
import {
  decodeAdmit,
  decodeAnswer,
  encodeAdmit,
  encodeRefused,
  encodeWelcome,
  includesRole,
  inviteDoor,
  judgeChain,
  limits,
  maySign,
  readGrant,
  Refusal,
  sameBytes,
  signGrant,
  swarmDoor,
  type Admit,
  type Gift,
  type Grant,
  type Invite,
  type InviteCode,
  type Role,
  type Standing,
  type SwarmSecret,
} from '@shoal/trust'
import { swarmLimits } from '../limits.ts'
import { AdmittedPeers } from './admitted-peers.ts'
import type { CharterKeeper } from './charter-keeper.ts'
import type { IssuedInvites } from './issued-invites.ts'
import type { OwnKey, SwarmPass } from './swarm-pass.ts'

export interface SwarmAdmissionOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly own: OwnKey
  /** What this peer does in the swarm. */
  readonly wants: Role
  /** Null for a newcomer, whose invite leads to one. */
  readonly pass: SwarmPass | null
  readonly invite: InviteCode | null
  /** Whom the admins have put out. */
  readonly charter: CharterKeeper
  /** Keeps what an admin gives. */
  readonly savePass: (pass: SwarmPass) => void
}

/** The gate of a private swarm at one peer: who may connect to it, and how it presents itself to others. */
export class SwarmAdmission implements Admission {
  readonly #options: SwarmAdmissionOptions
  #invites: IssuedInvites | null = null
  #pass: SwarmPass | null
  readonly #admitted = new AdmittedPeers()
  readonly #refused = new Set<string>()
  readonly #onDoors: (() => void)[] = []
  readonly #onEnded: ((peerId: string) => void)[] = []

  constructor(options: SwarmAdmissionOptions) {
    this.#options = options
    this.#pass = options.pass
    options.charter.onNews(() => this.endStandings())
  }

  /** Puts a key out, by this peer's own grant. */
  async revoke(key: Uint8Array): Promise<void> {
    const [grant] = this.#pass?.chain ?? []
    if (grant === undefined) throw new Refusal('no-grant')
    await this.#options.charter.revoke(key, this.#options.own, grant)
  }

  /** Role and end of this peer's own grant; undefined for a newcomer. */
  ownTerms(): Pick<Grant, 'role' | 'until'> | undefined {
    const [grant] = this.#pass?.chain ?? []
    return grant === undefined ? undefined : readGrant(grant)
  }

  /** Peers that were admitted since the start, and what each may do. */
  standings(): ReadonlyMap<string, Standing> {
    return this.#admitted.all()
  }

  /** Ends the connections of peers whose grants have been revoked, or have expired. */
  endStandings(): void {
    const { charter } = this.#options
    for (const peerId of this.#admitted.end(this.nowSeconds(), (name) => charter.isRevoked(name)))
      for (const listener of this.#onEnded) listener(peerId)
  }

  /** From now on the invites of this peer are honoured. */
  honour(invites: IssuedInvites): void {
    this.#invites = invites
    this.doorsChanged()
  }

  doorsChanged(): void {
    for (const listener of this.#onDoors) listener()
  }

  /** Keeps addresses of members for the next start; none changes nothing. */
  remember(addresses: readonly string[]): void {
    if (this.#pass === null || addresses.length === 0) return
    const kept = [...new Set([...addresses, ...this.#pass.addresses])].slice(
      0,
      swarmLimits.rememberedAddresses,
    )
    if (kept.join() === this.#pass.addresses.join()) return
    this.#pass = { ...this.#pass, addresses: kept }
    this.#options.savePass(this.#pass)
  }

  /** Null until a newcomer has been let in. */
  get pass(): SwarmPass | null {
    return this.#pass
  }

  /** The swarm that this peer belongs to, or wants to. */
  get swarm(): Uint8Array {
    const swarm = this.#pass?.swarm ?? this.#options.invite?.swarm
    if (swarm === undefined) throw new Error('a gate has a pass or an invite')
    return swarm
  }

  nowSeconds(): number {
    return Math.floor(this.#options.clock.wallMs() / 1000)
  }

  doors(): readonly OpenDoor[] {
    const own = this.#openSecrets().map(({ secret }) => ({
      door: swarmDoor(secret),
      dials: true,
      answers: true,
    }))
    const issued = (this.#invites?.doors() ?? []).map((door) => ({ door, dials: false, answers: true }))
    const { invite } = this.#options
    const entry =
      this.#pass === null && invite !== null
        ? [{ door: inviteDoor(invite.key), dials: true, answers: false }]
        : []
    return [...own, ...entry, ...issued]
  }

  #openSecrets(): readonly SwarmSecret[] {
    const nowSeconds = this.nowSeconds()
    return (this.#pass?.secrets ?? []).filter(({ until }) => until === null || until >= nowSeconds)
  }

  onDoors(listener: () => void): void {
    this.#onDoors.push(listener)
  }

  onEnded(listener: (peerId: string) => void): void {
    this.#onEnded.push(listener)
  }

  greet(): Promise<Uint8Array> {
    const { wants } = this.#options
    return Promise.resolve(encodeAdmit({ swarm: this.swarm, wants, chain: this.#pass?.chain ?? [] }))
  }

  async answer(tag: string, peerId: string, frame: Uint8Array): Promise<AdmissionAnswer> {
    try {
      const pass = this.#pass
      if (pass === null) throw new Refusal('no-grant')
      const admit = readAdmit(frame)
      if (!sameBytes(admit.swarm, pass.swarm)) throw new Refusal('wrong-swarm')
      const invite = this.#invites?.byTag(tag)
      if (invite !== undefined && !includesRole(invite.role, admit.wants)) throw new Refusal('no-grant')
      const gift = invite === undefined ? null : await this.#redeem(invite, peerId, pass)
      const outcome = await this.#judge(peerId, gift?.chain ?? admit.chain)
      if (!includesRole(outcome.role, admit.wants)) throw new Refusal('no-grant')
      this.#admitted.add(peerId, outcome)
      const given = gift ?? (await this.#renewal(peerId, outcome, admit.chain, pass))
      return { frame: encodeWelcome({ swarm: pass.swarm, chain: pass.chain, gift: given }), outcome }
    } catch (error) {
      const outcome = error instanceof Refusal ? error : new Refusal('no-grant')
      // A peer that was put out goes on dialling: its first refusal tells enough.
      const level = this.#refused.has(peerId) ? 'debug' : 'info'
      if (this.#refused.size < swarmLimits.admittedPeers) this.#refused.add(peerId)
      this.#options.logger[level]('peer-not-admitted', {
        peer: peerId,
        code: outcome.code,
        ...(error instanceof Refusal ? {} : { reason: messageOf(error) }),
      })
      return { frame: encodeRefused(outcome.code), outcome }
    }
  }

  /** Signs a grant for whoever has come in through the door of an invite. */
  async #redeem(invite: Invite, peerId: string, pass: SwarmPass): Promise<Gift> {
    const refusal = this.#invites?.use(invite, peerId) ?? null
    if (refusal !== null) throw new Refusal(refusal)
    const chain = await this.#grantFor(peerId, invite.role, pass)
    this.#options.logger.info('invite-used', { invite: invite.id, peer: peerId, role: invite.role })
    return { chain, secrets: this.#openSecrets() }
  }

  /** A new grant for a member whose own ends soon, when an admin meets it; null when there is no need. */
  async #renewal(
    peerId: string,
    { role, until }: Standing,
    chain: readonly Uint8Array[],
    pass: SwarmPass,
  ): Promise<Gift | null> {
    const issued = chain.length === 2 && this.ownTerms()?.role === 'admin' && role !== 'admin'
    if (!issued || until - this.nowSeconds() > limits.grantSeconds / 2) return null
    return { chain: await this.#grantFor(peerId, role, pass), secrets: this.#openSecrets() }
  }

  async #grantFor(peerId: string, role: Role, pass: SwarmPass): Promise<readonly Uint8Array[]> {
    const { own, random } = this.#options
    const subject = rawKeyOf(peerId)
    const [ownGrant] = pass.chain.map(readGrant)
    if (subject === undefined || ownGrant === undefined || !maySign(ownGrant.role, role))
      throw new Refusal('no-grant')
    const from = this.nowSeconds()
    const until = from + limits.grantSeconds
    const serial = random.bytes(limits.serialBytes)
    const grant = await signGrant(
      { swarm: pass.swarm, subject, role, serial, from, until, issuer: own.key },
      own.sign,
    )
    return [grant, ...pass.chain]
  }

  async accept(tag: string, peerId: string, frame: Uint8Array): Promise<Standing> {
    const answer = decodeAnswer(frame)
    if (answer.type === 'refused') throw new Refusal(answer.code)
    if (!sameBytes(answer.swarm, this.swarm)) throw new Refusal('wrong-swarm')
    const standing = await this.#judge(peerId, answer.chain)
    if (answer.gift !== null) await this.#take(answer.gift)
    if (this.#pass === null) throw new Refusal('no-grant')
    this.#admitted.add(peerId, standing)
    return standing
  }

  /** Keeps a grant for this peer, after it has been checked like any other. */
  async #take({ chain, secrets }: Gift): Promise<void> {
    await this.#judge(peerIdOfRawKey(this.#options.own.key), chain)
    if (secrets.length === 0) throw new Refusal('no-grant')
    const addresses = this.#pass?.addresses ?? this.#options.invite?.addresses ?? []
    this.#pass = { swarm: this.swarm, secrets, chain, addresses }
    this.#options.savePass(this.#pass)
    this.doorsChanged()
  }

  async #judge(peerId: string, chain: readonly Uint8Array[]): Promise<Standing> {
    const subject = rawKeyOf(peerId)
    if (subject === undefined) throw new Refusal('no-grant')
    const { charter } = this.#options
    return await judgeChain(
      chain,
      {
        swarm: this.swarm,
        subject,
        nowSeconds: this.nowSeconds(),
        isRevoked: (name) => charter.isRevoked(name),
      },
      verifyWithKey,
    )
  }
}

function readAdmit(frame: Uint8Array): Admit {
  try {
    return decodeAdmit(frame)
  } catch {
    throw new Refusal('no-grant')
  }
}
