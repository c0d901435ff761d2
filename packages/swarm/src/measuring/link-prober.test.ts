import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import type { Member } from '@shoal/membership'
import {
  identifyManifest,
  packedTensors,
  parseProfile,
  sha256Hex,
  type IdentifiedManifest,
  manifestVersion,
} from '@shoal/model'
import { createMemoryNetwork } from '@shoal/network'
import { expect, test } from 'vitest'
import { serveBlobs } from '../weights/blobs/serve.ts'
import { createLinkProber } from './link-prober.ts'
import { createLinkRates, type LinkRates } from './link-rates.ts'
import { swarmLimits } from '../limits.ts'
import { smallConfig } from '../testing/small-model.ts'

/** A model whose largest tensors have a mebibyte. */
function wideManifest(hiddenSize: number): IdentifiedManifest {
  const config = { ...smallConfig, hiddenSize, feedForwardSize: hiddenSize, headSize: hiddenSize }
  const profile = parseProfile('f32')
  const tensors = packedTensors(config, profile).map(({ name, type, shape, offset, bytes }) => ({
    name,
    type,
    shape,
    offset,
    bytes,
    sha256: sha256Hex(new TextEncoder().encode(name)),
  }))
  return identifyManifest({ version: manifestVersion, name: 'wide', config, profile, assets: [], tensors })
}

interface World {
  readonly clock: VirtualClock
  readonly rates: LinkRates
  readonly state: { busy: boolean; sessions: number; span: Member['record']['span']; served: number }
  readonly run: (ms: number) => Promise<void>
}

/** A peer that measures a serving one over a link of 8 ms and `mbps`. */
async function world(mbps: number, hiddenSize = 512): Promise<World> {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({
    clock,
    random: seededRandom(1),
    shapeOf: () => ({ latencyMs: 4, jitterMs: 0, bytesPerSecond: mbps * 125_000 }),
  })
  const [self, other] = [network.createTransport('self'), network.createTransport('other')]
  const state: World['state'] = { busy: false, sessions: 0, span: { start: 2, end: 4 }, served: 0 }
  const total = hiddenSize * hiddenSize * 4
  serveBlobs(
    other,
    {
      size: () => total,
      read: async (_blob, _offset, length) => ((state.served += length), new Uint8Array(length)),
    },
    silentLogger,
    clock,
  )
  const rates = createLinkRates(clock)
  const run = async (ms: number): Promise<void> => {
    for (let turn = 0; turn < ms; turn += 1) {
      clock.advance(1)
      for (let i = 0; i < 40; i += 1) await Promise.resolve()
    }
  }
  const dialled = self.dial(other.addresses()[0]!, { signal: new AbortController().signal })
  await run(30)
  await dialled
  createLinkProber({
    transport: self,
    clock,
    logger: silentLogger,
    manifest: wideManifest(hiddenSize),
    rates,
    membership: {
      members: () =>
        ['other', 'self'].map(
          (peerId) =>
            ({
              record: { peerId, span: state.span, state: 'serving' },
              liveness: 'alive',
              load: { sessions: state.sessions, busyPermille: 0 },
            }) as unknown as Member,
        ),
      links: () => ({ other: 8000 }),
    },
    busy: () => state.busy,
  })
  return { clock, rates, state, run }
}

test.each([10, 100])('a link of %i Mbit/s is measured as such, and then left alone', async (mbps) => {
  const { rates, run, state } = await world(mbps)
  await run(12_000)
  expect(rates.rates().get('other')! / (mbps * 125_000)).toBeGreaterThan(0.8)
  expect(rates.rates().get('other')! / (mbps * 125_000)).toBeLessThan(1.2)
  expect(rates.samples('other')).toBe(swarmLimits.probes)
  expect(state.served).toBe(swarmLimits.probes * 5 * swarmLimits.probeBytes)
})

test('it does not measure during sessions, nor peers without blocks', async () => {
  const { rates, run, state } = await world(100)
  state.busy = true
  await run(3000)
  Object.assign(state, { busy: false, sessions: 1 })
  await run(3000)
  Object.assign(state, { sessions: 0, span: null })
  await run(3000)
  expect(state.served).toBe(0)
  state.span = { start: 0, end: 1 }
  await run(3000)
  expect(rates.samples('other')).toBeGreaterThan(0)
})

test('a peer whose rate was forgotten is not measured again and again', async () => {
  const { rates, run, state } = await world(100)
  for (let turn = 0; turn < 12; turn += 1) {
    rates.forget('other')
    await run(1000)
  }
  expect(state.served).toBe(swarmLimits.probes * 5 * swarmLimits.probeBytes)
})

test('the blocks of a toy model are not measured', async () => {
  const { run, state } = await world(100, 16)
  await run(5000)
  expect(state.served).toBe(0)
})
