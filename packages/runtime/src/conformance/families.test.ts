import { silentLogger } from '@shoal/host'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { createDevice } from '../devices/create-device.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { greedyTokens, largestDifference } from '../testing/greedy.ts'
import {
  goldenIn,
  packFolder,
  testDataFolder,
  type GoldenCase,
  type PackedModel,
} from '../testing/packed-model.ts'
import { loadPipeline } from '../testing/pipeline.ts'
import { rankGroupDevice } from '../testing/rank-group.ts'

/** Float32 against the family's reference code: rounding only. */
const tolerance = 1e-4
const golden = join(testDataFolder, '../golden')

/** Families whose blocks are computed in ways of their own, by the folder of the golden model. */
const families: readonly string[] = [
  'arcee',
  'cohere',
  'cohere2',
  'ernie4_5',
  'exaone4',
  'gemma',
  'gemma2',
  'gemma3',
  'glm',
  'glm4',
  'granite',
  'hunyuan_dense',
  'lfm2',
  'llama_bias',
  'ministral3_mm',
  'olmo2',
  'olmo3',
  'smollm3',
  'starcoder2',
]
/** Other ways to write a config or a checkpoint, and rotary embeddings, whose blocks are computed like some of those. */
const spellings: readonly string[] = [
  'gemma3_mm',
  'llama_dynamic',
  'llama_headdim',
  'llama_linear',
  'llama_minimal',
  'llama_v5form',
  'mistral3_mm',
  'phi3',
  'phi3_longrope',
  'qwen2_yarn',
  'seed_oss',
]
/** Cases in which the reference code turns keys again as a text grows, which no KV cache can follow. */
const recomputed: Readonly<Record<string, readonly number[]>> = { llama_dynamic: [2, 3], phi3_longrope: [3] }
/** The numeric class of a device that was not asked for one, as long as rows do not depend on their grouping. */
const unprobed = 'unprobed'

function createUnprobed(kind: string, packed: PackedModel): Promise<Device> {
  if (kind !== 'onnx') return devices[kind]!(packed)
  const { manifest, folder } = packed
  return createDevice({
    kind: 'onnx',
    manifest,
    folder,
    threads: 1,
    logger: silentLogger,
    numericClass: unprobed,
  })
}

/** Compares the logits and the greedy tokens of some cases. @param steps tokens to compare; all of a case by default */
async function compare(
  device: Device,
  cuts: readonly number[],
  cases: readonly GoldenCase[],
  steps: number = Number.POSITIVE_INFINITY,
): Promise<void> {
  const pipeline = await loadPipeline(device, cuts, plentyBytes)
  for (const [index, { prompt, greedy, promptLogits, finalLogits }] of cases.entries()) {
    const session = `case-${index}`
    // The budget decides which factors of LongRoPE hold.
    await pipeline.open(session, prompt.length + greedy.length)
    const first = await pipeline.logits(session, prompt)
    expect(largestDifference(first, promptLogits)).toBeLessThan(tolerance)
    const count = Math.min(steps, greedy.length)
    const { tokens, logits } = await greedyTokens(pipeline, session, first, count)
    expect(tokens).toEqual(greedy.slice(0, count))
    if (count === greedy.length) expect(largestDifference(logits, finalLogits)).toBeLessThan(tolerance)
  }
  await pipeline.release()
}

interface Golden {
  readonly cases: readonly GoldenCase[]
  readonly packed: PackedModel
  readonly blockCount: number
  readonly everyBlock: readonly number[]
}

/** @returns null where the test data is not there */
async function openGolden(name: string): Promise<Golden | null> {
  const folder = join(golden, name)
  if (!existsSync(folder)) return null
  const packed = await packFolder(folder, 'f32')
  const { blockCount } = packed.manifest.manifest.config
  return {
    cases: goldenIn(folder).filter((_, index) => recomputed[name]?.includes(index) !== true),
    packed,
    blockCount,
    everyBlock: Array.from({ length: blockCount + 1 }, (_, index) => index),
  }
}

describe('the golden models of all dense families give the logits and tokens of transformers', () => {
  test.for([...families, ...spellings])(
    '%s in TypeScript, whole, cut at every block, and on two and three uneven ranks',
    async (name, { skip }) => {
      const opened = await openGolden(name)
      if (opened === null) return skip(`no golden model ${name}; SHOAL_TEST_DATA names the test data`)
      const { cases, packed, blockCount, everyBlock } = opened
      const ranks = await Promise.all([1, 2, 3].map(() => createUnprobed('reference', packed)))
      const [first] = ranks as [Device]
      await compare(first, [0, blockCount], cases)
      await compare(first, everyBlock, cases.slice(-1))
      for (const speeds of [
        [2, 1],
        [1, 2, 1],
      ]) {
        const group = rankGroupDevice(ranks.slice(0, speeds.length), packed.manifest.manifest, speeds)
        await compare(group, [0, blockCount], cases.slice(-1))
      }
      packed.remove()
    },
  )

  test.for([...families, ...spellings])(
    '%s in onnxruntime, cut at every block, and families of their own on three uneven ranks',
    async (name, { skip }) => {
      const opened = await openGolden(name)
      if (opened === null) return skip(`no golden model ${name}; SHOAL_TEST_DATA names the test data`)
      const { cases, packed, blockCount, everyBlock } = opened
      const count = families.includes(name) ? 3 : 1
      const ranks = await Promise.all(Array.from({ length: count }, () => createUnprobed('onnx', packed)))
      await compare(ranks[0] as Device, everyBlock, cases.slice(-1))
      if (count > 1) {
        const group = rankGroupDevice(ranks, packed.manifest.manifest, [1, 2, 1])
        await compare(group, [0, blockCount], cases.slice(-1), 8)
      }
      // Otherwise a self-probe has found no padding that makes rows independent of their grouping.
      expect(ranks.map((rank) => rank.numericClass)).toEqual(ranks.map(() => unprobed))
      for (const device of ranks) await device.close()
      packed.remove()
    },
  )
})

test('dynamic scaling gives the tokens of a KV cache that grows beyond the original context', async ({
  skip,
}) => {
  const folder = join(golden, 'llama_dynamic')
  skip(!existsSync(folder), `no ${folder}; SHOAL_TEST_DATA names the test data`)
  const { cases } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
    cases: { prompt: number[]; greedy_kv_cache?: number[] }[]
  }
  // The prompt fills the original context.
  const { prompt, greedy_kv_cache: expected } = cases[2]!
  const packed = await packFolder(folder, 'f32')
  const device = await createUnprobed('onnx', packed)
  const pipeline = await loadPipeline(device, [0, 1, 2], plentyBytes)
  await pipeline.open('case', 72)
  const first = await pipeline.logits('case', prompt)
  expect((await greedyTokens(pipeline, 'case', first, 32)).tokens).toEqual(expected)
  await device.close()
  packed.remove()
})
