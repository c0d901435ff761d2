import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseProfile } from '@shoal/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packReference } from '../local-manifest.ts'
import { openReference, type Reference } from '../reference.ts'
import { isPackedApart, packApart } from './pack-apart.ts'

const profile = parseProfile('int4:128')
const dataFolder = mkdtempSync(join(tmpdir(), 'shoal-apart-'))
let reference: Reference

beforeAll(async () => {
  reference = await openReference('demo-draft')
})

afterAll(async () => {
  await reference.source.close()
  rmSync(dataFolder, { recursive: true, force: true })
})

test('the process leaves a packing that is then found, and tells how far it is', async () => {
  const shares: number[] = []
  await packApart(reference, profile, {
    dataFolder,
    onProgress: ({ doneBytes, totalBytes }) => shares.push(doneBytes / totalBytes),
  })
  expect(shares.at(-1)).toBe(1)
  const packed = readdirSync(join(dataFolder, 'models'))
  const folder = await packReference(reference, profile, { dataFolder })
  expect(packed).toContain(folder.manifest.id)
  await folder.close()
})

test('what it fails with is thrown here, and an aborted packing does not begin', async () => {
  const missing = { ...reference, ref: join(dataFolder, 'nothing') }
  await expect(packApart(missing, profile, { dataFolder })).rejects.toThrow(/nothing/)
  const signal = AbortSignal.abort()
  await expect(packApart(reference, profile, { dataFolder, signal })).rejects.toThrow(/abort/)
})

test('small, remote and calibrated models are packed in the process that wants them', () => {
  const large = {
    ...reference,
    source: { ...reference.source, config: { ...reference.source.config, vocabularySize: 1 << 21 } },
  }
  expect(isPackedApart(reference, profile)).toBe(false)
  expect(isPackedApart(large, profile)).toBe(true)
  expect(isPackedApart({ ...large, remote: true }, profile)).toBe(false)
  expect(isPackedApart(large, parseProfile('int4:128+calibrated'))).toBe(false)
})
