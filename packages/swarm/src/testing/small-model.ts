import { ShoalError, type MemoryBudget, type MemoryCharge } from '@shoal/host'
import {
  identifyManifest,
  packedTensors,
  parseProfile,
  sha256Hex,
  type BlockRange,
  type IdentifiedManifest,
  type ModelConfig,
  manifestVersion,
} from '@shoal/model'
import { modelCosts } from '@shoal/planner'
import { decorateRunner, type BlockRunner, type Device } from '@shoal/runtime'

export const smallConfig: ModelConfig = {
  family: 'llama',
  hiddenSize: 4,
  feedForwardSize: 8,
  blockCount: 6,
  headCount: 1,
  keyValueHeadCount: 1,
  headSize: 4,
  vocabularySize: 16,
  contextLength: 32,
  normEpsilon: 1e-5,
  rope: { theta: 10_000, scaling: null },
  slidingWindow: null,
  attentionBias: false,
  queryKeyNorm: false,
  tiedEmbeddings: true,
  bosTokenId: null,
  eosTokenIds: [0],
}

const profile = parseProfile('f32')
const costs = modelCosts(smallConfig, profile)

/** The manifest of a model of six blocks whose weights nobody has. */
export const smallManifest = (): IdentifiedManifest =>
  identifyManifest({
    version: manifestVersion,
    name: 'small',
    config: smallConfig,
    profile,
    assets: [],
    tensors: packedTensors(smallConfig, profile).map(({ name, type, shape, offset, bytes }) => ({
      name,
      type,
      shape,
      offset,
      bytes,
      sha256: sha256Hex(new TextEncoder().encode(name)),
    })),
  })

/** A device that loads nothing, and remembers which spans it has in memory. */
export interface FakeDevice extends Pick<Device, 'loadBlocks'> {
  numericClass: string
  readonly loaded: Set<string>
  /** Spans ever loaded, in order. */
  readonly loads: string[]
  /** Runs before each load. */
  before: (range: BlockRange, signal: AbortSignal | undefined) => Promise<void> | void
  /** What was loaded last can compute no more, as a group that has lost a rank. */
  lose(reason?: Error): void
}

export function createFakeDevice(): FakeDevice {
  let losing = new AbortController()
  const device: FakeDevice = {
    lose: (reason) => losing.abort(reason),
    numericClass: 'fake',
    loaded: new Set(),
    loads: [],
    before: () => undefined,
    async loadBlocks(range, { memory, signal }) {
      await device.before(range, signal)
      signal?.throwIfAborted()
      const name = `${range.start}:${range.end}`
      device.loads.push(name)
      if (device.loaded.has(name)) throw new Error(`${name} is in memory twice`)
      device.loaded.add(name)
      losing = new AbortController()
      const weights = memory.reserve('weights', (range.end - range.start) * costs.blockBytes, name)
      const runner = fakeRunner(range, memory, () => {
        if (!device.loaded.delete(name)) throw new Error(`${name} was released twice`)
        weights.free()
      })
      return decorateRunner(runner, { lost: losing.signal })
    },
  }
  return device
}

/** Each block adds one to every number of a row. */
function fakeRunner(range: BlockRange, memory: MemoryBudget, onRelease: () => void): BlockRunner {
  const sessions = new Map<
    string,
    { length: number; readonly blocks: number; readonly cache: MemoryCharge }
  >()
  const find = (session: string): { length: number; readonly blocks: number } => {
    const found = sessions.get(session)
    if (found === undefined) throw new ShoalError('unknown-session', `no session ${session}`)
    return found
  }
  return {
    range,
    hiddenSize: smallConfig.hiddenSize,
    async open(session, tokenBudget, part = range) {
      const blocks = part.end - part.start
      const bytes = blocks * tokenBudget * costs.cacheBytesPerTokenPerBlock
      const cache = memory.reserve('key-values', bytes, `session ${session}`)
      sessions.set(session, { length: 0, blocks, cache })
    },
    async forward(session, position, hidden) {
      const open = find(session)
      if (position !== open.length)
        throw new ShoalError('wrong-position', `position ${position} of ${open.length}`)
      open.length += hidden.length / smallConfig.hiddenSize
      return hidden.map((value) => value + open.blocks)
    },
    length: (session) => find(session).length,
    async truncate(session, length) {
      find(session).length = length
    },
    async close(session) {
      sessions.get(session)?.cache.free()
      sessions.delete(session)
    },
    // One number for each position and block: a row depends on none of them, so they only have to arrive.
    async exportKeyValues(session, { from = 0, to = find(session).length, part = range } = {}) {
      return new Float32Array((to - from) * (part.end - part.start))
    },
    async importKeyValues(session, position, keyValues) {
      const open = find(session)
      if (position !== open.length)
        throw new ShoalError('wrong-position', `position ${position} of ${open.length}`)
      open.length += keyValues.length / open.blocks
    },
    memory: () => ({
      weightBytes: (range.end - range.start) * costs.blockBytes,
      keyValueBytes: 0,
      reservedBytes: [...sessions.values()].reduce((sum, { cache }) => sum + cache.bytes, 0),
      limitBytes: memory.limitBytes,
      sessions: sessions.size,
    }),
    async release() {
      for (const { cache } of sessions.values()) cache.free()
      onRelease()
    },
  }
}
