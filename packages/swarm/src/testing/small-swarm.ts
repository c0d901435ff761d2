import { randomHex, seededRandom, silentLogger, type Random, type VirtualClock } from '@shoal/host'
import { formatProfile, type BlockRange } from '@shoal/model'
import { createMemoryNetwork, type MemoryNetwork } from '@shoal/network'
import { createCoordinator, type HiddenSession, type RouteWish } from '@shoal/session'
import { smallConfig, smallManifest } from './small-model.ts'
import { createSmallPeer, type SmallPeer } from './small-peer.ts'
import { VirtualTime } from './virtual-time.ts'

export type { SmallPeer } from './small-peer.ts'

/** Peers of one swarm on a memory network under virtual time. */
export interface SmallSwarm {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly random: Random
  /** Adds a member that dials the first one. Silent members announce nothing, like clients. */
  join(name: string, options?: { readonly silent?: boolean }): Promise<SmallPeer>
  /** Opens a session of `from` over one stage; `movable` lets `from` look for another stage. */
  open(
    from: SmallPeer,
    stage: SmallPeer,
    range: BlockRange,
    options?: { readonly movable?: boolean },
  ): Promise<HiddenSession>
  run(durationMs: number): Promise<void>
  /** @returns virtual milliseconds until `holds` was true @throws when it is false for `withinMs` */
  until(holds: () => boolean, withinMs: number): Promise<number>
  finished<Value>(promise: Promise<Value>): Promise<Value>
  close(): Promise<void>
}

export function createSmallSwarm(seed = 1): SmallSwarm {
  return new MemorySwarm(seed)
}

const tokenBudget = 8

class MemorySwarm extends VirtualTime implements SmallSwarm {
  readonly network: MemoryNetwork
  readonly random: Random
  readonly #manifest = smallManifest()
  readonly #peers: SmallPeer[] = []

  constructor(seed: number) {
    super(`seed ${seed}`)
    this.random = seededRandom(seed)
    this.network = createMemoryNetwork({ clock: this.clock, random: this.random, latencyMs: 1 })
  }

  async join(name: string, { silent = false }: { readonly silent?: boolean } = {}): Promise<SmallPeer> {
    const peer = createSmallPeer(this, this.#manifest, name)
    peer.membership.start()
    if (!silent) await peer.announce({ state: 'joining' })
    const [first] = this.#peers
    this.#peers.push(peer)
    if (first !== undefined) {
      const [address] = first.transport.addresses()
      const dialled = peer.transport.dial(address!, { signal: new AbortController().signal })
      await this.run(20)
      await dialled
    }
    return peer
  }

  open(
    from: SmallPeer,
    stage: SmallPeer,
    range: BlockRange,
    { movable = false }: { readonly movable?: boolean } = {},
  ): Promise<HiddenSession> {
    const record = from.membership.members().find((member) => member.record.peerId === stage.name)?.record
    if (record === undefined) throw new Error(`${from.name} does not know ${stage.name}`)
    const { addresses, incarnation } = record
    const routes = {
      find: (blocks: BlockRange, exclude: ReadonlySet<string>, wish: RouteWish) =>
        from.view.find(blocks, exclude, tokenBudget, wish),
    }
    const { transport } = from
    return createCoordinator({ transport, clock: this.clock, logger: silentLogger }).open({
      session: randomHex(this.random, 16),
      manifestId: this.#manifest.id,
      profile: formatProfile(this.#manifest.manifest.profile),
      hiddenSize: smallConfig.hiddenSize,
      range,
      route: [{ peer: stage.name, addresses, range, incarnation, predictedStepMs: () => 1 }],
      tokenBudget,
      ...(movable && { routes }),
    })
  }

  async close(): Promise<void> {
    for (const { membership, stageHost, transport } of this.#peers) {
      const closing = Promise.all([stageHost.close(), membership.close()])
      await this.run(10)
      await closing
      await transport.close()
    }
  }
}
