import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFolder, openGgufFile, writeRandomModel } from '@shoal/model/node'
import { openGguf, openModel, widen, type ModelSource } from '@shoal/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeGgufCopy } from './gguf-copy.ts'

const shape = {
  hidden: 64,
  blocks: 2,
  heads: 4,
  keyValueHeads: 2,
  feedForward: 96,
  vocabulary: 320,
  context: 128,
  tied: true,
  seed: 5,
} as const
let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-copy-'))
})
afterAll(() => rm(root, { recursive: true }))

test('a copy is a GGUF file of the same config, which Shoal reads as well', async () => {
  const folder = join(root, 'model')
  await writeRandomModel(folder, shape)
  const path = join(root, 'model-Q8_0.gguf')
  await writeGgufCopy(folder, path, 'Q8_0')
  const written = await readFile(path)
  await writeGgufCopy(folder, path, 'Q8_0')
  expect(await readFile(path)).toEqual(written)
  const original = await openModel(await openFolder(folder))
  const { files, fileName } = await openGgufFile(path)
  const copy = await openGguf(files, fileName)
  for (const field of [
    'family',
    'hiddenSize',
    'feedForwardSize',
    'blockCount',
    'headSize',
    'vocabularySize',
  ] as const)
    expect(copy.config[field], field).toBe(original.config[field])
  const [row, same] = await Promise.all(
    [original, copy].map(({ tensors }) => tensors.readRows('model.embed_tokens.weight', 7, 8)),
  )
  expect([row?.type, same?.type]).toEqual(['BF16', 'Q8_0'])
  expect(copy.preferredWeights).not.toBeNull()
  await copy.close()
  await original.close()
})

test('a copy in Q4_K keeps every row in its place, within a step of its block', async () => {
  const folder = join(root, 'wide')
  await writeRandomModel(folder, { ...shape, hidden: 256, heads: 8, feedForward: 96 })
  const path = join(root, 'wide-Q4_K.gguf')
  await writeGgufCopy(folder, path, 'Q4_K')
  const original = await openModel(await openFolder(folder))
  const { files, fileName } = await openGgufFile(path)
  const copy = await openGguf(files, fileName)
  const blockOf = async ({ tensors }: ModelSource, name: string): Promise<Float32Array> =>
    widen(await tensors.readRows(`model.layers.1.${name}`, 5, 9))
  for (const name of ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'mlp.down_proj.weight']) {
    const [wanted, found] = [await blockOf(original, name), await blockOf(copy, name)]
    const largest = Math.max(...wanted.map(Math.abs))
    for (const [index, value] of wanted.entries())
      expect(Math.abs(found[index]! - value), name).toBeLessThan(largest / 5)
  }
  const norms = [original, copy].map(({ tensors }) => tensors.readRows('model.norm.weight', 0, 256))
  const [wantedNorm, foundNorm] = (await Promise.all(norms)).map(widen)
  expect(foundNorm).toEqual(wantedNorm)
  expect((await copy.tensors.tensor('model.layers.0.mlp.gate_proj.weight')).type).toBe('Q4_K')
  expect((await copy.tensors.tensor('model.layers.0.mlp.down_proj.weight')).type).toBe('Q8_0')
  await copy.close()
  await original.close()
})

test('a model that is no Llama is refused with its family', async () => {
  const folder = join(root, 'qwen')
  await writeRandomModel(folder, { ...shape, family: 'qwen3' })
  await expect(writeGgufCopy(folder, join(root, 'q.gguf'), 'Q4_0')).rejects.toThrow('this is qwen3')
})
