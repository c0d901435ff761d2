import type { ModelConfig } from '@shoal/model'
import * as fc from 'fast-check'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createBlockChain, type BlockChain, type ChainCaches } from '../onnx/computers/block-chain.ts'
import { selfProbe } from '../onnx/computers/self-probe.ts'
import { nativeRuntime } from '../onnx/computers/inference-session.ts'
import { createGraphLoader } from '../onnx/engine/graph-loader.ts'
import { createRowVerdicts } from '../onnx/engine/row-verdicts.ts'
import { createGateMemory, nativeGate } from '../onnx/native-gate.ts'
import { sameBits } from '../probe/same-bits.ts'
import { seededValues } from '../probe/seeded-values.ts'
import { blockOf, spanOf } from '../span.ts'
import { packFolder, testDataFolder, type PackedModel } from '../testing/packed-model.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

/** Positions of a session: more than the sliding windows of the tested models. */
const budget = 96
/** Places for sessions in a call. */
const places = 6

/** What a call does at one place: computes so many rows of the session there, after another one has taken its place. */
interface Turn {
  readonly place: number
  readonly rows: number
  readonly joins: boolean
}

const turn = fc.record({
  place: fc.nat(places - 1),
  // Steps of answers, pieces of prompts, and row counts around those that kernels treat specially.
  rows: fc.oneof(
    { arbitrary: fc.constant(1), weight: 4 },
    fc.integer({ min: 2, max: 9 }),
    fc.integer({ min: 29, max: 35 }),
  ),
  joins: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
})
const calls = fc.array(fc.uniqueArray(turn, { selector: ({ place }) => place, minLength: 1 }), {
  minLength: 6,
  maxLength: 14,
})

function loadChain({ manifest: { manifest }, folder }: PackedModel, threads: number): BlockChain {
  const gate = nativeGate(createGateMemory())
  const loader = createGraphLoader(manifest, nativeRuntime({ folder, threads, gate }))
  const span = spanOf(manifest.config, { start: 0, end: manifest.config.blockCount }, manifest.profile.kv)
  const verdicts = createRowVerdicts()
  verdicts.find(span.blocks, (_, index) => {
    const block = loader.loadBlock(blockOf(span, index))
    const padding = selfProbe((given) => block.computer(given), blockOf(span, index))
    block.release()
    return padding
  })
  expect(verdicts.over(span.blocks)).not.toBeNull()
  return createBlockChain(span, verdicts.paddingOf, loader.loadBlock)
}

interface Session {
  readonly caches: ChainCaches
  readonly hidden: Float32Array
  readonly output: Float32Array
}

/** Plays the calls, and compares each session with one that has the chain to itself. */
async function play(
  chain: BlockChain,
  hiddenSize: number,
  plan: readonly (readonly Turn[])[],
): Promise<void> {
  const taken: Session[] = []
  const join = (): Session => {
    const hidden = seededValues(taken.length + 1, budget * hiddenSize, 1)
    const caches = chain.open(chain.range, budget)
    const session = { caches, hidden, output: new Float32Array(hidden.length) }
    taken.push(session)
    return session
  }
  const present: (Session | undefined)[] = []
  for (const turns of plan) {
    const parts = turns.flatMap(({ place, rows, joins }) => {
      const session = joins ? undefined : present[place]
      const here = session ?? join()
      present[place] = here
      const fitting = Math.min(rows, budget - here.caches.length)
      return fitting === 0 ? [] : [{ ...here, rows: fitting, at: here.caches.length * hiddenSize }]
    })
    if (parts.length === 0) continue
    const inputs = parts.map(({ hidden, rows, at }) => hidden.subarray(at, at + rows * hiddenSize))
    const output = chain.forwardTogether!(parts, Float32Array.from(inputs.flatMap((rows) => [...rows])))
    let from = 0
    for (const { output: own, rows, at } of parts) {
      own.set(output.subarray(from, from + rows * hiddenSize), at)
      from += rows * hiddenSize
    }
  }
  for (const { caches, hidden, output } of taken) {
    const values = caches.length * hiddenSize
    const solo = chain.open(chain.range, budget)
    const expected = values === 0 ? new Float32Array() : await chain.forward(solo, hidden.subarray(0, values))
    expect(sameBits(output.subarray(0, values), expected)).toBe(true)
    expect(sameBits(caches.export({}), solo.export({}))).toBe(true)
  }
}

async function checkModel(packed: PackedModel, threads: number, numRuns: number): Promise<void> {
  const chain = loadChain(packed, threads)
  const { hiddenSize } = packed.manifest.manifest.config
  await fc.assert(
    fc.asyncProperty(calls, (plan) => play(chain, hiddenSize, plan)),
    { numRuns },
  )
  chain.release()
}

describe('rows of sessions that join and leave have the bits of a session that is alone', () => {
  const experts: ModelConfig = {
    ...smallLlama,
    family: 'qwen3_moe',
    headSize: 32,
    queryKeyNorm: true,
    experts: { count: 6, activeCount: 3, size: 48, normalised: true, sharedSize: 40, denseBlocks: [1] },
  }
  test.each([
    ['a Llama', 'f32', smallLlama, 1],
    ['a Llama', 'int4:16', smallLlama, 1],
    ['a Llama', 'int4:32', smallLlama, 2],
    ['a Llama', 'int4:128', smallLlama, 2],
    ['a Llama', 'int8:32', smallLlama, 1],
    ['a Llama', 'int8:128', smallLlama, 2],
    ['biases and a window', 'int4:64', { ...smallLlama, attentionBias: true, slidingWindow: 16 }, 1],
    ['experts', 'int4:128', experts, 2],
    ['experts', 'int8:32', experts, 1],
    ['biases and a window', 'int4:32+kv-int8', { ...smallLlama, attentionBias: true, slidingWindow: 16 }, 2],
  ] as const)('%s, %s', async (_, format, config, threads) => {
    const packed = randomModel(config, format)
    await checkModel(packed, threads, 8)
    packed.remove()
  })
})

describe('the same for every kind of attention', () => {
  /** Soft caps, windows, norms of heads in three places, parallel halves, no rotation, scaled queries, long contexts. */
  const families = [
    'cohere2',
    'gemma2',
    'gemma3',
    'hunyuan_dense',
    'ministral3_mm',
    'olmo2',
    'phi3_longrope',
    'qwen3',
    'smollm3',
  ]
  test.for(families)('%s', async (name, { skip }) => {
    const folder = join(testDataFolder, '../golden', name)
    skip(!existsSync(folder), `no golden model ${name}; SHOAL_TEST_DATA names the test data`)
    const packed = await packFolder(folder, 'f32')
    await checkModel(packed, 1, 3)
    packed.remove()
  })
})
