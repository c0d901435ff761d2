import { messageOf, ShoalError, timeLimit, type Clock, type Random, type Timer } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { IdentifiedManifest } from '@shoal/model'
import type { Directory, Provider, Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import { greetIslands, type IslandDependencies } from './islands.ts'
import { createOwnAnnouncement, type OwnAnnouncement } from './own-announcement.ts'
import { manifestTopic, modelTopic } from './topics.ts'

/** Keeps a node announced in the directory of all Shoal peers, and finds unknown parts of its own swarm. */
export interface Publisher {
  start(): void
  /** Other nodes of this manifest that the directory named at the last turn; null before the first, and while it has nobody else. */
  providers(): number | null
  /** Publishes `left`, within half a second at most. */
  leave(signal: AbortSignal): Promise<void>
  close(): void
}

export interface PublisherDependencies extends IslandDependencies {
  readonly directory: Directory
  readonly transport: Pick<Transport, 'peerId' | 'sign' | 'dial' | 'learn' | 'connected'>
  readonly membership: Pick<Membership, 'members' | 'onChange'>
  readonly manifest: IdentifiedManifest
  readonly clock: Clock
  readonly random: Random
}

export function createPublisher(
  dependencies: PublisherDependencies,
  options: { readonly bootstrap: readonly string[] },
): Publisher {
  return new TurnByTurn(dependencies, options.bootstrap)
}

const tooSlow = (): ShoalError => new ShoalError('deadline-passed', 'the directory was too slow')

class TurnByTurn implements Publisher {
  readonly #dependencies: PublisherDependencies
  readonly #bootstrap: readonly string[]
  readonly #topics: readonly [string, string]
  readonly #own: OwnAnnouncement
  readonly #closing = new AbortController()
  #endListening: () => void = () => undefined
  /** Whether the last turn found nobody but members in the directory. */
  #wasAmongMembers = false
  /** The next turn. */
  #next: { readonly dueMs: number; readonly timer: Timer } | null = null
  #running = false
  /** Whether the publisher waits for a first peer of the directory. */
  #awaiting = false
  /** Pause until the next turn; it doubles up to `directoryTurnMs`, so that nodes that start together soon find each other. */
  #pauseMs: number = swarmLimits.directoryRetryMs / 2
  #named: number | null = null

  constructor(dependencies: PublisherDependencies, bootstrap: readonly string[]) {
    const { manifest } = dependencies
    const { name, config, assets } = manifest.manifest
    this.#dependencies = dependencies
    this.#bootstrap = bootstrap
    this.#topics = [manifestTopic(manifest.id), modelTopic({ name, config, assets })]
    this.#own = createOwnAnnouncement(dependencies)
  }

  start(): void {
    const { membership, directory } = this.#dependencies
    const listening = [
      membership.onChange(() => this.#onChange()),
      // A first stranger, by which this swarm can be found from elsewhere.
      directory.onPeer(() => void (this.#wasAmongMembers && !this.#isAmongMembers() && this.#soon())),
    ]
    this.#endListening = () => listening.forEach((end) => end())
    this.#schedule(0)
  }

  providers(): number | null {
    return this.#named
  }

  async leave(signal: AbortSignal): Promise<void> {
    this.#closing.abort(new ShoalError('cancelled', 'this node leaves'))
    const record = this.#own.record()
    if (!this.#own.published || record === undefined) return
    const { clock, logger } = this.#dependencies
    const limit = timeLimit(clock, swarmLimits.directoryGoodbyeMs, tooSlow, signal)
    try {
      await this.#own.publish({ ...record, state: 'left', span: null }, limit.signal)
    } catch (error) {
      logger.debug('directory-goodbye-failed', { reason: messageOf(error) })
    } finally {
      limit.clear()
    }
  }

  close(): void {
    this.#endListening()
    this.#next?.timer.cancel()
    this.#closing.abort(new ShoalError('cancelled', 'this peer is closing'))
  }

  async #run(): Promise<void> {
    const { logger, random } = this.#dependencies
    this.#next = null
    if (this.#running || this.#closing.signal.aborted) return
    this.#running = true
    let heard = false
    try {
      heard = await this.#turn()
    } catch (error) {
      if (!this.#closing.signal.aborted) logger.debug('directory-turn-failed', { reason: messageOf(error) })
    } finally {
      this.#running = false
    }
    if (heard) this.#pauseMs = Math.min(2 * this.#pauseMs, swarmLimits.directoryTurnMs)
    // Jitter: peers that started together must not publish at the same time for ever.
    this.#schedule(this.#pauseMs * (0.9 + 0.2 * random.unit()))
    if (heard) this.#onChange()
    else this.#awaitPeers()
  }

  /**
   * Whether the directory consists of members of this swarm. Who asks one of them for this swarm has found it already, and
   * they know each other's records from membership: announcements among them would be half of what an idle swarm sends.
   */
  #isAmongMembers(): boolean {
    const { directory, membership } = this.#dependencies
    const members = new Set(membership.members().map(({ record }) => record.peerId))
    const peers = directory.peers()
    return peers.length > 0 && peers.every((peer) => members.has(peer))
  }

  /** @returns whether any peer of the directory stored the announcement, or none needs it */
  async #turn(): Promise<boolean> {
    if (this.#isAmongMembers()) await this.#inTime((signal) => this.#dialBootstrap(signal))
    this.#wasAmongMembers = this.#isAmongMembers()
    if (this.#wasAmongMembers) {
      this.#named = null
      return true
    }
    const told = await this.#inTime((signal) => this.#tell(signal))
    if (told > 0) await this.#inTime((signal) => this.#mergeIslands(signal))
    this.#dependencies.logger.debug('directory-told', { peers: told, providers: this.#named })
    return told > 0
  }

  async #tell(signal: AbortSignal): Promise<number> {
    const { directory } = this.#dependencies
    if (directory.stats().peers === 0) await this.#dialBootstrap(signal)
    const record = this.#own.record()
    if (record === undefined || record.state === 'left') return 0
    let told = await this.#own.publish(record, signal)
    for (const topic of this.#topics) told = Math.min(told, await directory.provide(topic, { signal }))
    return told
  }

  async #dialBootstrap(signal: AbortSignal): Promise<void> {
    const { transport, logger } = this.#dependencies
    await Promise.all(
      this.#bootstrap.map((address) =>
        transport
          .dial(address, { signal })
          .catch((error: unknown) => logger.debug('bootstrap-silent', { address, reason: messageOf(error) })),
      ),
    )
  }

  async #mergeIslands(signal: AbortSignal): Promise<void> {
    const providers: Provider[] = []
    for await (const provider of this.#dependencies.directory.providers(this.#topics[0], { signal }))
      providers.push(provider)
    this.#named = providers.length
    await greetIslands(this.#dependencies, providers, signal)
  }

  async #inTime<Value>(work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    const { clock } = this.#dependencies
    const limit = timeLimit(clock, swarmLimits.directoryPublishMs, tooSlow, this.#closing.signal)
    try {
      return await work(limit.signal)
    } finally {
      limit.clear()
    }
  }

  #schedule(delayMs: number): void {
    const { clock } = this.#dependencies
    const dueMs = clock.nowMs() + delayMs
    if (this.#closing.signal.aborted || this.#running || (this.#next !== null && this.#next.dueMs <= dueMs))
      return
    this.#next?.timer.cancel()
    this.#next = { dueMs, timer: clock.after(delayMs, () => void this.#run(), { background: true }) }
  }

  /** A node that was alone until now announces itself to the first peer of the directory at once. */
  #awaitPeers(): void {
    const { directory } = this.#dependencies
    if (this.#awaiting || directory.stats().peers > 0) return
    this.#awaiting = true
    const ended = (): void => void (this.#awaiting = false)
    directory
      .whenReady(this.#closing.signal)
      .then(() => this.#soon())
      .then(ended, ended)
  }

  #soon(): void {
    this.#schedule(swarmLimits.directoryChangeMs)
  }

  #onChange(): void {
    if (!this.#isAmongMembers() && this.#own.changed()) this.#soon()
  }
}
