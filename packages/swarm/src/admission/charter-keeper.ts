import type { Logger } from '@shoal/host'
import { verifyWithKey } from '@shoal/network'
import { actIdOf, isAct, limits, readAct, revokedBy, signAct, toHex } from '@shoal/trust'
import type { SwarmFiles } from './swarm-files.ts'
import type { OwnKey } from './swarm-pass.ts'

export interface CharterKeeperDependencies {
  readonly files: Pick<SwarmFiles, 'acts' | 'saveActs'>
  readonly logger: Logger
  readonly swarm: Uint8Array
  readonly nowSeconds: () => number
}

/** The acts of the swarm's admins, as this peer knows them. They form a set: whoever has the same acts puts out the same peers. */
export class CharterKeeper {
  readonly #dependencies: CharterKeeperDependencies
  readonly #acts = new Map<string, Uint8Array>()
  readonly #onNews: ((acts: readonly Uint8Array[]) => void)[] = []
  #revoked: ReadonlySet<string> = new Set()

  constructor(dependencies: CharterKeeperDependencies) {
    this.#dependencies = dependencies
    for (const act of dependencies.files.acts()) this.#acts.set(actIdOf(act), act)
    this.#revoked = revokedBy(this.acts())
  }

  acts(): readonly Uint8Array[] {
    return [...this.#acts.values()]
  }

  /** Whether a key, in hexadecimal, was put out. */
  isRevoked(key: string): boolean {
    return this.#revoked.has(key)
  }

  /** Calls back with acts that were not known before. */
  onNews(listener: (acts: readonly Uint8Array[]) => void): void {
    this.#onNews.push(listener)
  }

  /** Puts a key out, by the grant of this peer, which must be an admin's. */
  async revoke(key: Uint8Array, own: OwnKey, grant: Uint8Array): Promise<void> {
    const { swarm, nowSeconds } = this.#dependencies
    await this.merge([await signAct({ swarm, revokes: key, at: nowSeconds(), grant }, own.sign)])
  }

  /** Keeps those of some acts that are new and that an admin has signed. A known act costs a hash, a new one two signatures. */
  async merge(acts: readonly Uint8Array[]): Promise<void> {
    const { swarm, files, logger } = this.#dependencies
    const news: Uint8Array[] = []
    for (const act of acts) {
      if (this.#acts.has(actIdOf(act)) || this.#acts.size >= limits.maxActs) continue
      if (!(await isAct(act, swarm, verifyWithKey))) continue
      this.#acts.set(actIdOf(act), act)
      news.push(act)
    }
    if (news.length === 0) return
    this.#revoked = revokedBy(this.acts())
    files.saveActs(this.acts())
    for (const act of news) logger.info('peer-revoked', { key: toHex(readAct(act).revokes) })
    for (const listener of this.#onNews) listener(news)
  }
}
