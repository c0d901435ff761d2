import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { greedyTokens, largestDifference } from '../testing/greedy.ts'
import { goldenFolder, packFolder, readGolden, type PackedModel } from '../testing/packed-model.ts'
import { loadPipeline } from '../testing/pipeline.ts'
import { rankGroupDevice } from '../testing/rank-group.ts'

/** Float32 against the family's reference code: rounding only, in another order. */
const tolerance = 1e-4
const families = ['llama', 'llama3_rope', 'qwen2', 'qwen3', 'mistral_swa']
/** The golden models have four heads over two key/value heads: three and four ranks share some of those. */
const speeds = [
  [1, 1],
  [2, 1, 1],
  [1, 1, 1, 1],
]

describe.each(families.flatMap((family) => Object.keys(devices).map((kind) => [family, kind] as const)))(
  '%s on ranks, %s',
  (family, kind) => {
    let packed: PackedModel
    let ranks: Device[]
    beforeAll(async () => {
      packed = await packFolder(goldenFolder(family), 'f32')
      ranks = await Promise.all(Array.from({ length: 4 }, () => devices[kind]!(packed)))
    })
    afterAll(async () => {
      for (const device of ranks) await device.close()
      packed.remove()
    })

    test.each(speeds.map((given) => [given]))(
      'golden logits and greedy tokens, ranks of speeds %j',
      async (given) => {
        const group = rankGroupDevice(ranks.slice(0, given.length), packed.manifest.manifest, given)
        const pipeline = await loadPipeline(group, [0, 3], plentyBytes)
        for (const [index, golden] of readGolden(family).entries()) {
          const session = `case-${index}`
          await pipeline.open(session, 200)
          const prompt = await pipeline.logits(session, golden.prompt)
          expect(largestDifference(prompt, golden.promptLogits)).toBeLessThan(tolerance)
          const { tokens, logits } = await greedyTokens(pipeline, session, prompt, golden.greedy.length)
          expect(tokens).toEqual(golden.greedy)
          expect(largestDifference(logits, golden.finalLogits)).toBeLessThan(tolerance)
        }
        await pipeline.release()
      },
    )
  },
)
