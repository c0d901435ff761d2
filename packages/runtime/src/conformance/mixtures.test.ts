import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { devices, plentyBytes } from '../testing/devices.ts'
import { greedyTokens, largestDifference } from '../testing/greedy.ts'
import { goldenIn, packFolder, testDataFolder } from '../testing/packed-model.ts'
import { rankGroupDevice } from '../testing/rank-group.ts'
import { loadPipeline } from '../testing/pipeline.ts'

/** Float32 against the family's reference code: rounding only. */
const tolerance = 1e-4
const golden = join(testDataFolder, '../golden')

/** Models with experts, each cut at every block. */
const models: readonly (readonly [string, readonly number[]])[] = [
  ['deepseek_v2', [0, 1, 2]],
  ['deepseek_v3', [0, 1, 2, 3]],
  ['gpt_oss', [0, 1, 2]],
  ['gpt_oss_mxfp4', [0, 1, 2]],
  ['mixtral', [0, 1, 2]],
  ['qwen2_moe', [0, 1, 2]],
  ['qwen3_moe', [0, 1, 2]],
  ['qwen3_moe_mixed', [0, 1, 2, 3]],
]
test.for(models.flatMap(([name, cuts]) => Object.keys(devices).map((kind) => ({ name, cuts, kind }))))(
  '$name on $kind gives the logits and tokens of transformers, cut at every block',
  async ({ name, cuts, kind }, { skip }) => {
    const folder = join(golden, name)
    skip(!existsSync(folder), `no ${folder}; SHOAL_TEST_DATA names the folder with the test data`)
    const packed = await packFolder(folder, 'f32')
    const device = await devices[kind]!(packed)
    const pipeline = await loadPipeline(device, cuts, plentyBytes)
    for (const [index, { prompt, greedy, promptLogits, finalLogits }] of goldenIn(folder).entries()) {
      const session = `case-${index}`
      await pipeline.open(session, 200)
      const first = await pipeline.logits(session, prompt)
      expect(largestDifference(first, promptLogits)).toBeLessThan(tolerance)
      const { tokens, logits } = await greedyTokens(pipeline, session, first, greedy.length)
      expect(tokens).toEqual(greedy)
      expect(largestDifference(logits, finalLogits)).toBeLessThan(tolerance)
    }
    await pipeline.release()
    await device.close()
    packed.remove()
  },
)

test.for(models.map(([name, cuts]) => ({ name, blockCount: cuts.at(-1) ?? 0 })))(
  '$name on two and on three ranks of uneven shares of its experts gives the tokens of transformers',
  async ({ name, blockCount }, { skip }) => {
    const folder = join(golden, name)
    skip(!existsSync(folder), `no ${folder}; SHOAL_TEST_DATA names the folder with the test data`)
    const packed = await packFolder(folder, 'f32')
    const { prompt, greedy } = goldenIn(folder)[1]!
    for (const [kind, speeds] of [
      ['reference', [2, 1]],
      ['onnx', [1, 2, 1]],
    ] as const) {
      const ranks = await Promise.all(speeds.map(() => devices[kind]!(packed)))
      const group = rankGroupDevice(ranks, packed.manifest.manifest, speeds)
      const pipeline = await loadPipeline(group, [0, blockCount], plentyBytes)
      await pipeline.open('case', 200)
      const first = await pipeline.logits('case', prompt)
      expect((await greedyTokens(pipeline, 'case', first, greedy.length)).tokens).toEqual(greedy)
      await pipeline.release()
      await group.close()
    }
    packed.remove()
  },
)
