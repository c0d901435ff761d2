import {
  createMemoryBudget,
  createSerialQueue,
  createVirtualClock,
  randomHex,
  seededRandom,
  silentLogger,
  sleep,
  type VirtualClock,
} from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { identifyManifest, type IdentifiedManifest } from '@shoal/model'
import {
  createDevice,
  decorateRunner,
  type BlockRunner,
  type Device,
  type EmbeddingTable,
  type HeadRunner,
} from '@shoal/runtime'
import {
  createCoordinator,
  createStageHost,
  type Coordinator,
  type RouteSession,
  type RouteStage,
} from '@shoal/session'
import { tinyModel } from '../../simulator/tiny-model.ts'
import { stages, type MeasuredTimes } from './measured-times.ts'

/** Room for a file in the prompt and again in the answer. */
const contextLength = 8192

/** A route of four peers in virtual time: the product's sessions, over links and calls that take the given times. */
export interface VirtualRoute {
  readonly clock: VirtualClock
  readonly embedding: EmbeddingTable
  /** The logits of a row are the row itself: a token is drawn from bits that depend on all rows before it. */
  readonly head: HeadRunner
  open(tokenBudget: number): Promise<RouteSession>
}

/** @param roundTripMs between any two peers */
export async function createVirtualRoute(times: MeasuredTimes, roundTripMs: number): Promise<VirtualRoute> {
  const clock = createVirtualClock()
  const random = seededRandom(1)
  const network = createMemoryNetwork({ clock, random, latencyMs: roundTripMs / 2 })
  const { manifest, device } = await costModel()
  const { blockCount, hiddenSize } = manifest.manifest.config
  const memory = createMemoryBudget(2 ** 30)
  const route: RouteStage[] = []
  for (let index = 0; index < stages; index += 1) {
    const range = { start: (blockCount / stages) * index, end: (blockCount / stages) * (index + 1) }
    const transport = network.createTransport(`stage-${index}`)
    const identity = { manifestId: manifest.id, profile: 'f32', numericClass: 'one', incarnation: 1 }
    const host = createStageHost({ transport, clock, logger: silentLogger }, { ...identity, memory })
    await host.setRunners([slowed(await device.loadBlocks(range, { memory }), clock, times)])
    const stage = { peer: transport.peerId, addresses: transport.addresses(), range, incarnation: 1 }
    route.push({ ...stage, predictedStepMs: (rows) => times.stageMs(rows) + roundTripMs })
  }
  const coordinator: Coordinator = createCoordinator({
    transport: network.createTransport('coordinator'),
    clock,
    logger: silentLogger,
  })
  return {
    clock,
    embedding: embeddingOf(hiddenSize),
    head: {
      async logits(hidden) {
        await sleep(clock, times.headMs(hidden.length / hiddenSize))
        return hidden
      },
      release: () => Promise.resolve(),
    },
    open: (tokenBudget) =>
      coordinator.open({
        session: randomHex(random, 16),
        manifestId: manifest.id,
        profile: 'f32',
        hiddenSize,
        range: { start: 0, end: blockCount },
        route,
        tokenBudget,
      }),
  }
}

/** The simulator's small model, in whose place integers are mixed, with room for long texts. */
async function costModel(): Promise<{ manifest: IdentifiedManifest; device: Device }> {
  const { manifest, blobs } = await tinyModel('tiny', 'cost')
  const { config, tensors, ...rest } = manifest.manifest
  const longer = identifyManifest({ ...rest, tensors, config: { ...config, contextLength } })
  const bytes = new Map(tensors.map(({ name, sha256 }) => [name, blobs.get(sha256) ?? new Uint8Array()]))
  const readTensor = (name: string, offset: number, length: number): Promise<Uint8Array> =>
    Promise.resolve((bytes.get(name) ?? new Uint8Array()).slice(offset, offset + length))
  return { manifest: longer, device: await createDevice({ kind: 'mixing', manifest: longer, readTensor }) }
}

/** Integers below 2^24, as the cost runner's rows are: different for each token. */
function embeddingOf(hiddenSize: number): EmbeddingTable {
  return {
    lookup: (ids) =>
      Promise.resolve(
        Float32Array.from(
          ids.flatMap((id) =>
            Array.from({ length: hiddenSize }, (_, column) => (id * 31 + column) % 2 ** 24),
          ),
        ),
      ),
    release: () => Promise.resolve(),
  }
}

/** A stage computes one call after the other. */
function slowed(runner: BlockRunner, clock: VirtualClock, times: MeasuredTimes): BlockRunner {
  const calls = createSerialQueue()
  return decorateRunner(runner, {
    async forward(session, position, hidden) {
      const output = await runner.forward(session, position, hidden)
      await calls.run(() => sleep(clock, times.stageMs(hidden.length / runner.hiddenSize)))
      return output
    },
  })
}
