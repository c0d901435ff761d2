import { ShoalError, type Logger } from '@shoal/host'
import { verifyWithKey } from '@shoal/network'
import {
  actIdOf,
  charterOf,
  isAct,
  keptActs,
  knownAct,
  limits,
  nextGeneration,
  signAct,
  subjectOf,
  toHex,
  voidActs,
  type Charter,
  type KnownAct,
  type Provision,
} from '@shoal/trust'
import { SteadySave } from '../files/steady-save.ts'
import type { SwarmFiles } from '../files/swarm-files.ts'
import type { OwnKey } from '../files/swarm-pass.ts'

export interface CharterKeeperDependencies {
  readonly files: Pick<SwarmFiles, 'acts' | 'saveActs'>
  readonly logger: Logger
  readonly swarm: Uint8Array
  readonly nowSeconds: () => number
}

/** The acts of the swarm's admins, as this peer knows them. They form a set: whoever has the same acts has the same charter. */
export class CharterKeeper {
  readonly #dependencies: CharterKeeperDependencies
  readonly #onNews: ((acts: readonly Uint8Array[]) => void)[] = []
  readonly #file: SteadySave
  #acts: readonly KnownAct[]
  #charter: Charter

  constructor(dependencies: CharterKeeperDependencies) {
    this.#dependencies = dependencies
    const { files, logger } = dependencies
    this.#file = new SteadySave({ what: 'charter', logger, save: () => files.saveActs(this.acts()) })
    this.#acts = keptActs(dependencies.files.acts().flatMap(readable))
    this.#charter = charterOf(this.#acts)
  }

  acts(): readonly Uint8Array[] {
    return this.#acts.map(({ bytes }) => bytes)
  }

  /** Its file, which a full disk leaves behind what is known here. */
  get file(): SteadySave {
    return this.#file
  }

  get charter(): Charter {
    return this.#charter
  }

  /** Whether a key, in hexadecimal, was put out. */
  isRevoked(key: string): boolean {
    return this.#charter.revoked.has(key)
  }

  /** Whether one of the secrets that count now was set by this key, in hexadecimal. */
  hasSecretOf(key: string): boolean {
    return this.#acts.some(({ provision, signerKey }) => provision.kind === 'secret' && signerKey === key)
  }

  /** Calls back with acts that were not known before. */
  onNews(listener: (acts: readonly Uint8Array[]) => void): void {
    this.#onNews.push(listener)
  }

  /**
   * Signs an act with the key of this peer, whose grant must be an admin's, and spreads it.
   * @throws {ShoalError} `limit-exceeded` when the charter has no room for the act
   */
  async sign(provision: Provision, own: OwnKey, grant: Uint8Array): Promise<void> {
    const { swarm, nowSeconds } = this.#dependencies
    const generation = provision.kind === 'revoke' ? 0 : nextGeneration(this.#acts, subjectOf(provision))
    const at = nowSeconds()
    const act = await signAct({ swarm, provision, generation, at, grant }, own.sign)
    await this.merge([act])
    const id = actIdOf(act)
    if (!this.#acts.some((known) => known.id === id))
      throw new ShoalError(
        'limit-exceeded',
        `the charter of this swarm is full (${limits.maxActs} acts of its admins): found a new swarm`,
      )
  }

  /**
   * Keeps the acts that are new and signed by an admin. Checking a known act costs a hash, a new one two signatures, and one
   * of an admin that a senior has put out neither: it is left out, and comes again with the next peer that knows it.
   * @throws {ShoalError} `bad-frame` at the first act that no admin has signed: the peer that passed it on has not
   *   checked it
   */
  async merge(acts: readonly Uint8Array[]): Promise<void> {
    const { swarm } = this.#dependencies
    const known = new Set(this.#acts.map(({ id }) => id))
    const isVoid = voidActs(this.#acts)
    const [news, leftOut]: [KnownAct[], Uint8Array[]] = [[], []]
    let bad = false
    for (const bytes of acts) {
      if (known.has(actIdOf(bytes))) continue
      const [act] = readable(bytes)
      if (act !== undefined && isVoid(act)) {
        leftOut.push(bytes)
        continue
      }
      bad = act === undefined || !(await isAct(bytes, swarm, verifyWithKey))
      if (bad || act === undefined) break
      news.push(act)
    }
    this.#keep(news)
    if (bad) throw new ShoalError('bad-frame', 'no admin of this swarm has signed that act')
    // The senior admin may itself have been put out by what is known now.
    if (news.length > 0 && leftOut.length > 0) await this.merge(leftOut)
  }

  #keep(news: readonly KnownAct[]): void {
    const before = new Set(this.#acts.map(({ id }) => id))
    this.#acts = keptActs([...this.#acts, ...news])
    const added = this.#acts.filter(({ id }) => !before.has(id))
    if (added.length === 0) return
    this.#charter = charterOf(this.#acts)
    const { logger } = this.#dependencies
    this.#file.changed()
    for (const { provision, signerKey: by } of added)
      if (provision.kind === 'revoke') logger.info('peer-revoked', { key: toHex(provision.key), by })
      else logger.info('charter-changed', { what: provision.kind, by })
    for (const listener of this.#onNews) listener(added.map(({ bytes }) => bytes))
  }
}

/**
 * The act in a list; an empty list for an act of the file that cannot be read, since other peers will send it again.
 */
function readable(act: Uint8Array): readonly KnownAct[] {
  try {
    return [knownAct(act)]
  } catch {
    return []
  }
}
