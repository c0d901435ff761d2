import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { IdentifiedManifest } from '../../manifest/manifest.ts'
import { VerifiedAssets } from './verified-assets.ts'

const name = 'tokenizer.json'
const bytes = new Uint8Array(3 * 1024 * 1024 + 17).map((_, index) => index % 251)
const sha256 = createHash('sha256').update(bytes).digest('hex')
const manifest = {
  manifest: { assets: [{ name, bytes: bytes.length, sha256 }] },
} as unknown as IdentifiedManifest

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-assets-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'assets', name), bytes)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

/** Counts the bytes that are read from files from now on. */
async function countReads(): Promise<() => number> {
  const file = await open(join(folder, 'assets', name), 'r')
  const prototype = Object.getPrototypeOf(file) as {
    read(...given: unknown[]): Promise<{ bytesRead: number }>
  }
  await file.close()
  const read = vi.spyOn(prototype, 'read')
  return () => read.mock.calls.reduce((sum, [, , length]) => sum + Number(length), 0)
}

test('a thousand requests for one byte hash the file once', async () => {
  const assets = new VerifiedAssets(folder, manifest)
  const readBytes = await countReads()
  for (let request = 0; request < 1000; request += 1)
    expect(await assets.read(name, request, 1)).toEqual(bytes.subarray(request, request + 1))
  expect(readBytes()).toBeLessThan(bytes.length + 1024 * 1024 + 1000)
})

test('requests that come together share one hashing', async () => {
  const assets = new VerifiedAssets(folder, manifest)
  const readBytes = await countReads()
  await Promise.all(Array.from({ length: 50 }, () => assets.read(name, 0, 1)))
  expect(readBytes()).toBeLessThan(bytes.length + 1024 * 1024 + 50)
})

test('a file that has changed is hashed again and refused, and served once it is right again', async () => {
  const assets = new VerifiedAssets(folder, manifest)
  await assets.read(name, 0, 1)
  const path = join(folder, 'assets', name)
  await rm(path)
  expect(await assets.read(name, 0, 1)).toBeNull()
  await writeFile(path, bytes.toReversed())
  await expect(assets.read(name, 0, 1)).rejects.toMatchObject({ code: 'hash-mismatch' })
  await rm(path)
  await writeFile(path, bytes)
  expect(await assets.read(name, 5, 2)).toEqual(bytes.subarray(5, 7))
})

test('a range that leaves the asset is cut at its end', async () => {
  const assets = new VerifiedAssets(folder, manifest)
  expect(await assets.read(name, bytes.length - 2, 10)).toEqual(bytes.subarray(-2))
  expect(await assets.read(name, bytes.length + 5, 10)).toHaveLength(0)
})
