import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { greedyTokens, largestDifference } from '../testing/greedy.ts'
import { loadPipeline } from '../testing/pipeline.ts'
import { goldenFolder, packFolder, readGolden, type PackedModel } from '../testing/packed-model.ts'

/** Float32 against the family's reference code: rounding only. */
const tolerance = 1e-4
const families = ['llama', 'llama3_rope', 'qwen2', 'qwen3', 'mistral_swa']
/** Whole, and cut at every block boundary. */
const cuts = [
  [0, 3],
  [0, 1, 3],
  [0, 2, 3],
  [0, 1, 2, 3],
]

describe.each(families.flatMap((family) => Object.keys(devices).map((kind) => [family, kind] as const)))(
  '%s on %s',
  (family, kind) => {
    let packed: PackedModel
    let device: Device
    beforeAll(async () => {
      packed = await packFolder(goldenFolder(family), 'f32')
      device = await devices[kind]!(packed)
    })
    afterAll(async () => {
      await device.close()
      packed.remove()
    })

    test.each(cuts.map((cut) => [cut]))('logits and greedy tokens, cut at %j', async (cut) => {
      const pipeline = await loadPipeline(device, cut, plentyBytes)
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
    })
  },
)
