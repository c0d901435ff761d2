import { messageOf, type Clock, type Logger, type Random } from '@shoal/host'
import { peerIdOfRawKey, rawKeyOf, verifyWithKey } from '@shoal/network'
import type { Admission, AdmissionAnswer, OpenDoor } from '@shoal/network'
import {
  acceptedSecrets,
  decodeAdmit,
  decodeAnswer,
  encodeAdmit,
  encodeRefused,
  encodeWelcome,
  includesRole,
  inviteDoor,
  judgeChain,
  limits,
  readGrant,
  Refusal,
  sameBytes,
  swarmDoor,
  type Admit,
  type Gift,
  type Grant,
  type Invite,
  type InviteCode,
  type Provision,
  type Role,
  type Standing,
  type SwarmSecret,
} from '@shoal/trust'
import { swarmLimits } from '../limits.ts'
import { AdmittedPeers } from './admitted-peers.ts'
import { Gifts } from './gifts.ts'
import { GrantSigner } from './grant-signer.ts'
import type { CharterKeeper } from './charter/charter-keeper.ts'
import type { IssuedInvites } from './issued-invites.ts'
import { SteadySave } from './files/steady-save.ts'
import type { OwnKey, SwarmPass } from './files/swarm-pass.ts'

export interface SwarmAdmissionOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly own: OwnKey
  /** The swarm's root key, where the data folder has it. */
  readonly root: OwnKey | null
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
  readonly #passFile: SteadySave
  readonly #admitted = new AdmittedPeers()
  readonly #signer: GrantSigner
  readonly #gifts: Gifts
  readonly #refused = new Set<string>()
  readonly #onDoors: (() => void)[] = []

  constructor(options: SwarmAdmissionOptions) {
    this.#options = options
    this.#pass = options.pass
    const { logger, savePass } = options
    this.#passFile = new SteadySave({
      what: 'pass',
      logger,
      save: () => void (this.#pass !== null && savePass(this.#pass)),
    })
    const nowSeconds = (): number => this.nowSeconds()
    this.#signer = new GrantSigner({ ...options, nowSeconds })
    this.#gifts = new Gifts({ ...options, nowSeconds, signer: this.#signer, secrets: () => this.secrets() })
    options.charter.onNews(() => {
      this.endStandings()
      this.doorsChanged()
    })
  }

  /** Signs an act for the whole swarm, by this peer's own grant. @throws {Refusal} */
  async layDown(provision: Provision): Promise<void> {
    const [grant] = this.#pass?.chain ?? []
    if (grant === undefined) throw new Refusal('no-grant')
    await this.#options.charter.sign(provision, this.#options.own, grant)
  }

  /** Gives the swarm a new secret. Those before it open its door for a while, to members only. */
  async replaceSecret(): Promise<void> {
    await this.layDown({ kind: 'secret', secret: this.#options.random.bytes(limits.secretBytes) })
  }

  /** Whether this peer may give a role. */
  mayGive(role: Role): boolean {
    return this.#pass !== null && this.#signer.mayGive(role, this.#pass)
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
    this.#admitted.end(this.nowSeconds(), (name) => this.#options.charter.isRevoked(name))
  }

  /** Admits peers by the invites of this peer from now on. */
  honour(invites: IssuedInvites): void {
    this.#invites = invites
    this.doorsChanged()
  }

  doorsChanged(): void {
    for (const listener of this.#onDoors) listener()
  }

  /** Writes the files that the disk did not take before. */
  retryFiles(): void {
    for (const file of this.#files()) file.retry()
  }

  /** Why a file of this swarm is behind what is known here; null when none is. */
  get lack(): string | null {
    return this.#files().find(({ lack }) => lack !== null)?.lack ?? null
  }

  #files(): readonly SteadySave[] {
    const invites = this.#invites === null ? [] : [this.#invites.file]
    return [this.#passFile, this.#options.charter.file, ...invites]
  }

  /** Keeps addresses of members for the next start; an empty list changes nothing. */
  remember(addresses: readonly string[]): void {
    if (this.#pass === null || addresses.length === 0) return
    const kept = [...new Set([...addresses, ...this.#pass.addresses])].slice(
      0,
      swarmLimits.rememberedAddresses,
    )
    if (kept.join() === this.#pass.addresses.join()) return
    this.#pass = { ...this.#pass, addresses: kept }
    this.#passFile.changed()
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
    const own = this.secrets().map(({ secret }) => ({
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

  /** The secrets that open the swarm's door, the present one first. */
  secrets(): readonly SwarmSecret[] {
    const nowSeconds = this.nowSeconds()
    const secrets = acceptedSecrets(this.#options.charter.charter, this.#pass?.secrets ?? [])
    return secrets.filter(({ until }) => until === null || until >= nowSeconds)
  }

  onDoors(listener: () => void): void {
    this.#onDoors.push(listener)
  }

  onEnded(listener: (peerId: string) => void): void {
    this.#admitted.onEnded(listener)
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
      const refusal = invite === undefined ? null : (this.#invites?.use(invite, peerId) ?? null)
      if (refusal !== null) throw new Refusal(refusal)
      const gift = invite === undefined ? null : await this.#gifts.give(invite, peerId, pass)
      const outcome = await this.#judge(peerId, gift?.chain ?? admit.chain)
      if (!includesRole(outcome.role, admit.wants)) throw new Refusal('no-grant')
      this.#admitted.add(peerId, outcome)
      const given = gift ?? (await this.#gifts.renewal(peerId, outcome, admit.chain, pass))
      return { frame: encodeWelcome({ swarm: pass.swarm, chain: pass.chain, gift: given }), outcome }
    } catch (error) {
      const outcome = error instanceof Refusal ? error : new Refusal('no-grant')
      // A peer that was put out goes on dialling, so only its first refusal is logged as information.
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

  /** What a newcomer gets that has paired by a PIN. @throws {Refusal} */
  async welcome(invite: Invite, peerId: string): Promise<Gift & { readonly swarm: Uint8Array }> {
    const pass = this.#pass
    if (pass === null) throw new Refusal('no-grant')
    return { ...(await this.#gifts.give(invite, peerId, pass)), swarm: pass.swarm }
  }

  async accept(tag: string, peerId: string, frame: Uint8Array): Promise<Standing> {
    const answer = decodeAnswer(frame)
    if (answer.type === 'refused') throw new Refusal(answer.code)
    if (!sameBytes(answer.swarm, this.swarm)) throw new Refusal('wrong-swarm')
    const standing = await this.#judge(peerId, answer.chain)
    if (answer.gift !== null && this.#takesGiftsOf(standing)) await this.#take(answer.gift)
    if (this.#pass === null) throw new Refusal('no-grant')
    this.#admitted.add(peerId, standing)
    return standing
  }

  /**
   * A newcomer is given its pass by whoever issued its invite, behind the invite's own door. A member takes a renewal from
   * admins only. Every member may sign a client, and could otherwise make clients of the members that dial it, and replace
   * the secrets with which they find the others.
   */
  #takesGiftsOf({ role }: Standing): boolean {
    return this.#pass === null || role === 'admin'
  }

  /** Keeps a grant for this peer, after it has been checked like any other. */
  async #take({ chain, secrets }: Gift): Promise<void> {
    await this.#judge(peerIdOfRawKey(this.#options.own.key), chain)
    if (secrets.length === 0) throw new Refusal('no-grant')
    const addresses = this.#pass?.addresses ?? this.#options.invite?.addresses ?? []
    this.#pass = { swarm: this.swarm, secrets, chain, addresses }
    this.#passFile.changed()
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
