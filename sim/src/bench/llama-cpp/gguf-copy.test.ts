import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFolder, openGgufFile, writeRandomModel } from '@shoal/model/node'
import { openGguf, openModel } from '@shoal/model'
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

test('a model that is no Llama is refused with its family', async () => {
  const folder = join(root, 'qwen')
  await writeRandomModel(folder, { ...shape, family: 'qwen3' })
  await expect(writeGgufCopy(folder, join(root, 'q.gguf'), 'Q4_0')).rejects.toThrow('this is qwen3')
})
