import { createHash, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { randomHex, ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import type { ServingPeer } from '../../swarm-port.ts'
import { tabLimits } from '../limits.ts'
import { serveTab, type TabPeer, type TabPeerOptions, type TabSession } from './tab-session.ts'
import type { TabSocket } from './tab-socket.ts'

export interface TabDeskDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Starts a peer for a tab. @param name of its own, for a folder */
  startPeer(name: string, options: TabPeerOptions): Promise<TabPeer>
}

/** Lets tabs in, while this node runs. */
export interface TabDesk {
  /** Secret of the link that lets a tab in. */
  readonly token: string
  /** From now on tabs are let in. */
  ready(node: Pick<ServingPeer, 'manifest'>): void
  /** Why a tab with this token is not let in now; null when it is. */
  refusal(token: string): string | null
  accept(socket: TabSocket): void
  /** Path of a file of weights that a tab may fetch; null for anything else. */
  weightsFile(token: string, unit: string): string | null
  /** Lets no more tabs in, and lets all leave. */
  close(): Promise<void>
}

export function createTabDesk(dependencies: TabDeskDependencies): TabDesk {
  return new OpenDesk(dependencies)
}

interface Tab {
  readonly session: TabSession
  readonly socket: TabSocket
  readonly weightsToken: string
}

class OpenDesk implements TabDesk {
  readonly token: string
  readonly #dependencies: TabDeskDependencies
  readonly #tabs = new Set<Tab>()
  #node: Pick<ServingPeer, 'manifest'> | null = null
  #count = 0
  /** Peers that may be started now, as counted at some time. */
  #starts: number = tabLimits.startsAtOnce
  #countedMs: number

  constructor(dependencies: TabDeskDependencies) {
    this.#dependencies = dependencies
    this.#countedMs = dependencies.clock.nowMs()
    this.token = randomHex(dependencies.random, 16)
  }

  ready(node: Pick<ServingPeer, 'manifest'>): void {
    this.#node = node
  }

  refusal(token: string): string | null {
    if (!sameSecret(token, this.token))
      return 'this link is not one of this node: it may be of an earlier start'
    if (this.#node === null) return 'this node is still loading its model: try again in a moment'
    if (this.#tabs.size >= tabLimits.tabsMax)
      return `${tabLimits.tabsMax} tabs serve here already: close one of them`
    return null
  }

  accept(socket: TabSocket): void {
    const node = this.#node
    if (node === null) return socket.end(new ShoalError('not-ready', 'this node is still loading its model'))
    const { clock, logger, random } = this.#dependencies
    const weightsToken = randomHex(random, 16)
    const name = `tab-${(this.#count += 1)}`
    const startPeer = async (options: TabPeerOptions): Promise<TabPeer> => {
      this.#takeStart()
      return this.#dependencies.startPeer(name, options)
    }
    const session = serveTab({ clock, logger, node, weightsToken, startPeer }, socket)
    const tab = { session, socket, weightsToken }
    this.#tabs.add(tab)
    void this.#forgetAfter(tab)
  }

  /** @throws {ShoalError} `no-capacity` when tabs come and go too fast */
  #takeStart(): void {
    const due = Math.floor((this.#dependencies.clock.nowMs() - this.#countedMs) / tabLimits.startEveryMs)
    this.#starts = Math.min(tabLimits.startsAtOnce, this.#starts + due)
    this.#countedMs += due * tabLimits.startEveryMs
    if (this.#starts === 0)
      throw new ShoalError(
        'no-capacity',
        `many tabs have started here: one more may in ${tabLimits.startEveryMs / 1000} s`,
      )
    this.#starts -= 1
  }

  weightsFile(token: string, unit: string): string | null {
    for (const { weightsToken, session } of this.#tabs) {
      if (!sameSecret(token, weightsToken)) continue
      const folder = session.weightsFolder(unit)
      return folder === null ? null : join(folder, `${unit}.bin`)
    }
    return null
  }

  async #forgetAfter(tab: Tab): Promise<void> {
    try {
      await tab.session.over
    } catch (error) {
      this.#dependencies.logger.error('tab-broke', { error })
    } finally {
      this.#tabs.delete(tab)
    }
  }

  async close(): Promise<void> {
    this.#node = null
    const tabs = [...this.#tabs]
    for (const { session } of tabs) session.leave()
    await Promise.all(tabs.map(({ session }) => session.over))
  }
}

function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
