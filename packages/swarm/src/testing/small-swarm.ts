import {
  createVirtualClock,
  randomHex,
  seededRandom,
  silentLogger,
  type Random,
  type VirtualClock,
} from '@shoal/host'
import { createMembership, membershipProfiles, type Membership } from '@shoal/membership'
import { formatProfile, type BlockRange } from '@shoal/model'
import { createMemoryNetwork, withSelf, type MemoryNetwork, type Transport } from '@shoal/network'
import {
  createCoordinator,
  createStageHost,
  type HiddenSession,
  type RouteWish,
  type StageHost,
} from '@shoal/session'
import { createSwarmView, type SwarmView } from '../view/swarm-view.ts'
import { smallConfig, smallManifest } from './small-model.ts'

/** A member of a {@link SmallSwarm}: everything real but time, network and computing. */
export interface SmallPeer {
  readonly name: string
  readonly transport: Transport
  readonly membership: Membership
  readonly view: SwarmView
  readonly stageHost: StageHost
  /** Announces a span as if it was served. */
  serve(start: number, end: number): Promise<void>
}

/** Peers of one swarm on a memory network under virtual time. */
export interface SmallSwarm {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly random: Random
  /** A member that knows the first one's address; silent ones announce nothing, as clients. */
  join(name: string, options?: { readonly silent?: boolean }): Promise<SmallPeer>
  /** A session of `from` over one stage; `movable` when `from` may look for others. */
  open(
    from: SmallPeer,
    stage: SmallPeer,
    range: BlockRange,
    options?: { readonly movable?: boolean },
  ): Promise<HiddenSession>
  run(durationMs: number): Promise<void>
  /** @returns virtual milliseconds it took @throws when it does not hold in time */
  until(holds: () => boolean, withinMs: number): Promise<number>
  finished<Value>(promise: Promise<Value>): Promise<Value>
  close(): Promise<void>
}

const hardware = {
  memoryBytes: 1 << 30,
  decodeMicrosPerBlock: 1000,
  prefillMicrosPerRowBlock: 100,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}

/** Lets everything happen that waits for promises only. */
export async function settle(turns = 100): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
}

export function createSmallSwarm(seed = 1): SmallSwarm {
  const timeline = createVirtualClock()
  let ran = 0
  const clock: VirtualClock = {
    ...timeline,
    after: (delayMs, action) =>
      timeline.after(delayMs, () => {
        ran += 1
        action()
      }),
  }
  const random = seededRandom(seed)
  const network = createMemoryNetwork({ clock, random, latencyMs: 1 })
  const manifest = smallManifest()
  const peers: SmallPeer[] = []

  const run = async (durationMs: number): Promise<void> => {
    await settle()
    for (let leftMs = durationMs; leftMs > 0; leftMs -= 1) {
      const before = ran
      clock.advance(1)
      if (ran > before) await settle(40)
    }
  }
  const until: SmallSwarm['until'] = async (holds, withinMs) => {
    const startMs = clock.nowMs()
    while (!holds()) {
      if (clock.nowMs() - startMs >= withinMs)
        throw new Error(`it does not hold after ${withinMs} virtual ms (seed ${seed})`)
      await run(1)
    }
    return clock.nowMs() - startMs
  }

  return {
    clock,
    network,
    random,
    run,
    until,
    async join(name, { silent = false } = {}) {
      const transport = withSelf(network.createTransport(name), clock)
      const membership = createMembership(
        { transport, clock, random, logger: silentLogger },
        { ...membershipProfiles.local, document: manifest.id, incarnation: 1 },
      )
      const stageHost = createStageHost(
        { transport, clock, logger: silentLogger },
        {
          manifestId: manifest.id,
          profile: formatProfile(manifest.manifest.profile),
          numericClass: 'fake',
          get incarnation() {
            return membership.incarnation
          },
        },
      )
      const view = createSwarmView({ selfId: name, manifest, membership })
      const announce = (patch: Parameters<Membership['announce']>[0]): Promise<void> =>
        membership.announce({
          hardware,
          numericClass: 'fake',
          version: 'test',
          addresses: transport.addresses(),
          ...patch,
        })
      const peer: SmallPeer = {
        name,
        transport,
        membership,
        view,
        stageHost,
        serve: (start, end) => announce({ state: 'serving', span: { start, end } }),
      }
      membership.start()
      if (!silent) await announce({ state: 'joining' })
      const [first] = peers
      peers.push(peer)
      if (first !== undefined) {
        const dialled = transport.dial(first.transport.addresses()[0]!, {
          signal: new AbortController().signal,
        })
        await run(20)
        await dialled
      }
      return peer
    },
    open(from, stage, range, { movable = false } = {}) {
      const record = from.membership.members().find((member) => member.record.peerId === stage.name)?.record
      if (record === undefined) throw new Error(`${from.name} does not know ${stage.name}`)
      const route = [
        {
          peer: stage.name,
          addresses: record.addresses,
          range,
          incarnation: record.incarnation,
          predictedStepMs: () => 1,
        },
      ]
      return createCoordinator({ transport: from.transport, clock, logger: silentLogger }).open({
        session: randomHex(random, 16),
        manifestId: manifest.id,
        profile: formatProfile(manifest.manifest.profile),
        hiddenSize: smallConfig.hiddenSize,
        range,
        route,
        tokenBudget: 8,
        ...(movable && {
          routes: {
            find: (blocks: BlockRange, exclude: ReadonlySet<string>, wish: RouteWish) =>
              from.view.find(blocks, exclude, 8, wish),
          },
        }),
      })
    },
    async finished(promise) {
      let over = false
      const end = (): void => {
        over = true
      }
      promise.then(end, end)
      await until(() => over, 60_000)
      return promise
    },
    async close() {
      for (const { membership, stageHost, transport } of peers) {
        const closing = Promise.all([stageHost.close(), membership.close()])
        await run(10)
        await closing
        await transport.close()
      }
    },
  }
}
