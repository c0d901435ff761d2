import { createVirtualClock, orAborted, seededRandom, ShoalError, silentLogger } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { smallManifest } from '../testing/small-model.ts'
import { createEngineAtFirstUse } from './engine-at-first-use.ts'

/** An engine whose parts come when `gate` lets them, and count what is open. */
function make(gate: (signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve()) {
  const clock = createVirtualClock()
  const transport = createMemoryNetwork({ clock, random: seededRandom(1) }).createTransport('self')
  const counts = { units: 0, devices: 0, open: 0 }
  const state: { headFailure: Error | null } = { headFailure: null }
  const opened = (): { release(): Promise<void> } => {
    counts.open += 1
    return { release: async () => void (counts.open -= 1) }
  }
  const device = {
    loadEmbedding: async () => ({ ...opened(), lookup: async () => new Float32Array(0) }),
    loadHead: async () => {
      if (state.headFailure !== null) throw state.headFailure
      return { ...opened(), logits: async () => new Float32Array(4) }
    },
  } as unknown as Device
  const lazy = createEngineAtFirstUse({
    transport,
    clock,
    random: seededRandom(2),
    logger: silentLogger,
    manifest: smallManifest(),
    routes: {
      find: () => Promise.reject(new ShoalError('no-route', 'nobody')),
      serving: () => [],
      predictTokenMs: () => null,
    },
    store: {
      async ensureUnits(units, signal) {
        expect(units).toEqual(['embed', 'head'])
        counts.units += 1
        await gate(signal)
      },
      tokenizer: async () => null,
      defaultSampling: async () => ({ temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }),
    },
    async device() {
      counts.devices += 1
      return device
    },
  })
  return { lazy, counts, state }
}

test('loads at first use, once, and frees at the end', async () => {
  const { lazy, counts } = make()
  expect(counts).toEqual({ units: 0, devices: 0, open: 0 })
  const [one, two] = await Promise.all([lazy.get(), lazy.get()])
  expect(one).toBe(two)
  expect(counts).toEqual({ units: 1, devices: 1, open: 2 })
  await lazy.close()
  expect(counts.open).toBe(0)
  await expect(lazy.get()).rejects.toMatchObject({ code: 'cancelled' })
})

test('failing half-way frees the other half, and the next call tries again with the same device', async () => {
  const { lazy, counts, state } = make()
  state.headFailure = new ShoalError('compute-failed', 'no head')
  await expect(lazy.get()).rejects.toBe(state.headFailure)
  expect(counts).toEqual({ units: 1, devices: 1, open: 0 })
  state.headFailure = null
  await lazy.get()
  expect(counts).toEqual({ units: 2, devices: 1, open: 2 })
  await lazy.close()
})

test('closing ends a download and does not wait for it', async () => {
  const { lazy, counts } = make((signal) => orAborted(new Promise(() => undefined), signal))
  const getting = expect(lazy.get()).rejects.toMatchObject({ code: 'cancelled' })
  await lazy.close()
  await getting
  expect(counts.devices).toBe(0)
})

test('closing what was never used opens nothing', async () => {
  const { lazy, counts } = make()
  await lazy.close()
  expect(counts).toEqual({ units: 0, devices: 0, open: 0 })
})
