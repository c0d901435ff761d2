import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFolder } from './model-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'shoal-links-'))
const folder = join(root, 'models--org--name', 'snapshots', 'commit')
beforeAll(() => {
  mkdirSync(folder, { recursive: true })
  mkdirSync(join(folder, '..', '..', 'blobs'))
  writeFileSync(join(folder, 'config.json'), '{}')
  writeFileSync(join(folder, '..', '..', 'blobs', 'abc'), '{"blob":1}')
  writeFileSync(join(root, 'secret'), 'private')
  symlinkSync(join('..', '..', 'blobs', 'abc'), join(folder, 'tokenizer.json'))
  symlinkSync(join(root, 'secret'), join(folder, 'vocab.json'))
  symlinkSync(join('..', '..', '..', 'secret'), join(folder, 'merges.txt'))
})
afterAll(() => rmSync(root, { recursive: true }))

test.each(['vocab.json', 'merges.txt'])(
  '%s, a link to a file outside the folder, is refused: it would be sent to every peer',
  async (name) => {
    const files = await openFolder(folder)
    await expect(files.open(name)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('is a link to a file outside') as unknown,
    })
    await files.close()
  },
)

test("a link into the same model's blobs, as a hub's cache makes them, is followed", async () => {
  const files = await openFolder(folder)
  const reader = await files.open('tokenizer.json')
  expect(new TextDecoder().decode(await reader?.read(0, reader.size))).toBe('{"blob":1}')
  await files.close()
})

test('a link to a folder of models is followed, and files beside it are not outside', async () => {
  const link = join(root, 'link')
  symlinkSync(folder, link)
  const files = await openFolder(link)
  expect(await files.open('config.json')).not.toBeNull()
  await files.close()
})
