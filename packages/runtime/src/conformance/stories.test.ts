import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { devices, plentyBytes } from '../testing/devices.ts'
import { loadPipeline } from '../testing/pipeline.ts'
import { hasStories260K, packFolder, stories260K } from '../testing/packed-model.ts'

/** A trained model with head size 8 and 172 feed-forward columns; both are odd for the kernels. */
test.for(Object.keys(devices))('stories260K tells its story on %s', async (kind, { skip }) => {
  skip(!hasStories260K, `no ${stories260K}; SHOAL_TEST_DATA names the folder with the test data`)
  const folder = join(stories260K, 'hf')
  const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
    prompt: number[]
    greedy: number[]
  }
  const packed = await packFolder(folder, 'f32')
  const device = await devices[kind]!(packed)
  const pipeline = await loadPipeline(device, [0, 2, 5], plentyBytes)
  await pipeline.open('story', 256)
  const tokens: number[] = []
  let next = golden.prompt
  while (tokens.length < golden.greedy.length) {
    const logits = await pipeline.logits('story', next)
    const last = logits.subarray(logits.length - pipeline.vocabularySize)
    next = [last.indexOf(Math.max(...last))]
    tokens.push(...next)
  }
  expect(tokens).toEqual(golden.greedy)
  await pipeline.release()
  await device.close()
  packed.remove()
})
