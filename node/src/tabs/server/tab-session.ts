import { every, messageOf, ShoalError, sleep, timeLimit, type Clock, type Logger } from '@shoal/host'
import { unitNames } from '@shoal/model'
import { startRemoteHost, type RemoteHost } from '@shoal/runtime'
import type { NodeOptions, ServingPeer } from '../../swarm-port.ts'
import { tabLimits } from '../limits.ts'
import { readFromTab, type TabNews, type TabOffer, type ToTab } from '../messages.ts'
import type { TabSocket } from './tab-socket.ts'

/** What a tab's peer is started with. */
export type TabPeerOptions = Pick<
  NodeOptions,
  'blocks' | 'memoryBytes' | 'threads' | 'blockSpeed' | 'compute' | 'signal' | 'onEvent'
>

/** A tab's peer, as its session sees it. */
export type TabPeer = Pick<ServingPeer, 'peerId' | 'blocks' | 'status' | 'leave' | 'vanish' | 'close'>

export interface TabSessionDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly node: Pick<ServingPeer, 'manifest'>
  /** Opens the weights to this tab. */
  readonly weightsToken: string
  /** Starts a peer of its own for the tab. */
  startPeer(options: TabPeerOptions): Promise<TabPeer>
}

/** One tab, from its connection to its end. */
export interface TabSession {
  /** Path of a unit's file, for the tab to fetch; null for what is no unit of the model, or before blocks are loaded. */
  weightsFolder(unit: string): string | null
  /** Lets the sessions of the tab move to other peers, as far as they can in a while, and ends it. */
  leave(): void
  /** Settles when nothing of the tab is left. */
  readonly over: Promise<void>
}

/** Lets a tab serve: it offers itself, and gets a peer whose engine it is, until it leaves or is lost. */
export function serveTab(dependencies: TabSessionDependencies, socket: TabSocket): TabSession {
  return new RunningTab(dependencies, socket)
}

class RunningTab implements TabSession {
  readonly over: Promise<void>
  readonly #dependencies: TabSessionDependencies
  readonly #socket: TabSocket
  readonly #units: ReadonlySet<string>
  #folder: string | null = null
  #engine: RemoteHost | null = null
  #peer: TabPeer | null = null
  #offered = false
  #leaving = false

  constructor(dependencies: TabSessionDependencies, socket: TabSocket) {
    this.#dependencies = dependencies
    this.#socket = socket
    const { manifest } = dependencies.node.manifest
    this.#units = new Set(unitNames(manifest.config))
    const offer = Promise.withResolvers<TabOffer>()
    socket.onMessage((message) => {
      if (this.#engine?.take(message) === true) return
      const read = readFromTab(message)
      if (read.kind === 'leave') this.leave()
      else if (this.#offered) throw new ShoalError('bad-frame', 'a tab makes one offer')
      else {
        this.#offered = true
        offer.resolve(read)
      }
    })
    this.#send({
      kind: 'welcome',
      manifest,
      weightsToken: dependencies.weightsToken,
      memoryBytesMax: tabLimits.memoryBytesMax,
    })
    this.over = this.#run(offer.promise)
  }

  weightsFolder(unit: string): string | null {
    return this.#units.has(unit) ? this.#folder : null
  }

  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    this.#tell({ phase: 'leaving' })
    void this.#leaveAndEnd().catch((error: unknown) => {
      this.#dependencies.logger.warn('tab-drain-failed', { reason: messageOf(error) })
      this.#socket.end(new ShoalError('not-ready', messageOf(error)))
    })
  }

  async #run(offered: Promise<TabOffer>): Promise<void> {
    const { clock, logger } = this.#dependencies
    const { ended } = this.#socket
    try {
      const offer = await this.#inTime(offered)
      this.#tell({ phase: 'starting' })
      this.#peer = await this.#dependencies.startPeer(this.#peerOptions(offer))
      logger.info('tab-serves', { peer: this.#peer.peerId, memoryBytes: offer.memoryBytes })
      const news = every(
        clock,
        tabLimits.newsMs,
        () =>
          this.#tell({
            phase: this.#leaving
              ? 'leaving'
              : (this.#peer?.blocks() ?? null) === null
                ? 'waiting'
                : 'serving',
          }),
        () => undefined,
      )
      try {
        await new Promise<void>((resolve) => {
          if (ended.aborted) resolve()
          else ended.addEventListener('abort', () => resolve(), { once: true })
        })
      } finally {
        news.cancel()
      }
      logger.info('tab-lost', { peer: this.#peer.peerId, reason: messageOf(ended.reason) })
    } catch (error) {
      logger.warn('tab-failed', { reason: messageOf(error) })
      this.#tell({ phase: 'failed', reason: messageOf(error) })
      // What has been told goes out before the end.
      if (!ended.aborted) await sleep(clock, tabLimits.lastWordMs)
      this.#socket.end(new ShoalError('not-ready', messageOf(error)))
    } finally {
      const ending = this.#leaving ? this.#peer?.close() : this.#peer?.vanish()
      await ending?.catch((error: unknown) => logger.warn('tab-close-failed', { reason: messageOf(error) }))
    }
  }

  /** The offer, unless it takes too long or the tab goes. */
  async #inTime(offered: Promise<TabOffer>): Promise<TabOffer> {
    const limit = timeLimit(
      this.#dependencies.clock,
      tabLimits.offerMs,
      () => new ShoalError('deadline-passed', `the tab offered nothing within ${tabLimits.offerMs / 1000} s`),
      this.#socket.ended,
    )
    try {
      return await Promise.race([
        offered,
        new Promise<never>((_resolve, reject) =>
          limit.signal.addEventListener('abort', () => reject(limit.signal.reason as Error), { once: true }),
        ),
      ])
    } finally {
      limit.clear()
    }
  }

  #peerOptions(offer: TabOffer): TabPeerOptions {
    const { decodeMicrosPerBlock, decodeMicrosPer1024Past, prefillMicrosPerRowBlock } = offer
    return {
      memoryBytes: offer.memoryBytes,
      threads: offer.threads,
      ...(offer.blocks !== null && { blocks: offer.blocks }),
      blockSpeed: {
        decodeMicrosPerBlock,
        decodeMicrosPer1024Past,
        prefillMicrosPerRowBlock,
        decode: [],
        prefill: [],
      },
      signal: this.#socket.ended,
      onEvent: (event) => this.#dependencies.logger.debug('tab-event', { ...event }),
      compute: {
        kind: 'browser tab',
        start: ({ folder }, listener) => {
          this.#folder = folder
          this.#engine = startRemoteHost(this.#dependencies.clock, this.#socket, listener)
          return this.#engine.host
        },
      },
    }
  }

  async #leaveAndEnd(): Promise<void> {
    await this.#drained(this.#peer)
    this.#tell({ phase: 'left' })
    await sleep(this.#dependencies.clock, tabLimits.lastWordMs)
    this.#socket.end(new ShoalError('not-ready', 'the tab has left'))
  }

  async #drained(peer: TabPeer | null): Promise<void> {
    if (peer === null) return
    const limit = timeLimit(
      this.#dependencies.clock,
      tabLimits.drainMs,
      () =>
        new ShoalError('deadline-passed', `sessions were still running after ${tabLimits.drainMs / 1000} s`),
      this.#socket.ended,
    )
    try {
      await peer.leave(limit.signal)
    } finally {
      limit.clear()
    }
  }

  #tell(news: Pick<TabNews, 'phase'> & Partial<TabNews>): void {
    const peer = this.#peer
    const own = peer?.status().peers.find(({ self }) => self)
    this.#send({
      kind: 'news',
      peer: peer?.peerId ?? null,
      blocks: peer?.blocks() ?? null,
      sessions: own?.sessions ?? 0,
      reason: null,
      ...news,
    })
  }

  #send(message: ToTab): void {
    this.#socket.send(message)
  }
}
