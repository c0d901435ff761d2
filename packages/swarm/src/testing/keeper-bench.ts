import { createMemoryBudget, silentLogger } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { Placement } from '@shoal/planner'
import { createSpanKeeper, type SpanKeeper } from '../placement/span-keeper.ts'
import type { SwarmEvent } from '../types.ts'
import { createFakeDevice, smallConfig } from './small-model.ts'
import { createSmallSwarm, type SmallPeer } from './small-swarm.ts'

export interface KeeperBenchOptions {
  readonly fixed?: BlockRange
  readonly memoryBytes?: number
  readonly ensureUnits?: (units: readonly string[], signal: AbortSignal) => Promise<void>
}

/** A span keeper of the peer `self` in a swarm with `other` and `client`, whose plan the test writes. */
export class KeeperBench {
  readonly swarm = createSmallSwarm()
  readonly device = createFakeDevice()
  readonly events: SwarmEvent[] = []
  /** The span that the plan wants of `self`; the other peers are to keep what they hold. */
  wanted: BlockRange | null = null
  keeper!: SpanKeeper
  other!: SmallPeer
  self!: SmallPeer
  client!: SmallPeer

  async join(): Promise<void> {
    this.other = await this.swarm.join('other')
    this.self = await this.swarm.join('self')
    this.client = await this.swarm.join('client', { silent: true })
    await this.swarm.until(
      () => this.client.view.status().peers.every(({ liveness }) => liveness === 'alive'),
      5000,
    )
  }

  makeKeeper({ fixed, memoryBytes, ensureUnits }: KeeperBenchOptions = {}): SpanKeeper {
    const { self } = this
    const view = {
      costs: self.view.costs,
      permille: self.view.permille,
      coverage: (except?: string) => self.view.coverage(except),
      plan: () => ({ ...self.view.plan(), placements: this.#placements() }),
    }
    this.keeper = createSpanKeeper(
      {
        clock: this.swarm.clock,
        logger: silentLogger,
        selfId: 'self',
        membership: self.membership,
        view,
        stageHost: self.stageHost,
        config: smallConfig,
        device: this.device,
        ensureUnits: ensureUnits ?? (() => Promise.resolve()),
      },
      {
        fixed: fixed ?? null,
        memory: createMemoryBudget(memoryBytes ?? 2 ** 30),
        onEvent: (event) => this.events.push(event),
      },
    )
    return this.keeper
  }

  /** Changes the plan, and a record, so that the node looks at the plan. */
  async want(range: BlockRange | null): Promise<void> {
    this.wanted = range
    await this.self.membership.announce({ version: `plan ${range?.start}` })
  }

  /** Starts a keeper and waits until the client sees it serve `range`. */
  async serving(range: BlockRange, options?: KeeperBenchOptions): Promise<void> {
    this.wanted = range
    this.makeKeeper(options).start()
    await this.swarm.until(() => this.keeper.held() !== null, 2000)
    await this.swarm.until(() => this.seen() !== null, 2000)
  }

  /** The blocks that the client sees `self` serve. */
  seen(): readonly [number, number] | null {
    return this.client.view.status().peers.find(({ peer }) => peer === 'self')?.blocks ?? null
  }

  async close(): Promise<void> {
    await this.swarm.finished(this.keeper.stop())
    await this.swarm.close()
  }

  #placements(): readonly Placement[] {
    const kept = this.self.membership
      .members()
      .flatMap(({ record }) =>
        record.peerId === 'self' || record.span === null ? [] : [{ peer: record.peerId, ...record.span }],
      )
    return [...kept, ...(this.wanted === null ? [] : [{ peer: 'self', ...this.wanted }])]
  }
}
