import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatProfile, parseProfile } from '@shoal/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHubServer, type HubServer } from '../../testing/hub-server.ts'
import { packReference } from '../local-manifest.ts'
import { parseHubReference } from './hub-files.ts'
import { openReference, type Reference } from '../reference.ts'

const id = 'org/stories-GGUF'
const name = 'stories260K-Q4_0.gguf'
const path = fileURLToPath(new URL(`../../../../../test/gguf/${name}`, import.meta.url))
let root: string
let hub: HubServer

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-hub-gguf-'))
  const folder = join(root, 'folder')
  await mkdir(folder)
  await cp(path, join(folder, name))
  hub = await startHubServer(id, folder)
})
afterAll(async () => {
  await hub.close()
  await rm(root, { recursive: true })
})

const refer = (ref: string): Promise<Reference> =>
  openReference(ref, { hub: { endpoint: hub.endpoint, token: null } })

test('one GGUF file of a model on a hub is read by range and packs to the same manifest as a local copy', async () => {
  const [far, near] = [await refer(`${id}:${name}`), await openReference(path)]
  expect(far.source.name).toBe('stories260K-Q4_0')
  expect(formatProfile(far.defaultProfile)).toBe('int4:32+head-int8:32')
  const profile = parseProfile('int8:32')
  const whole = await packReference(near, profile, { dataFolder: join(root, 'near') })
  const all = await packReference(far, profile, { dataFolder: join(root, 'far') })
  expect(all.manifest.id).toBe(whole.manifest.id)
  const ranges = hub.requests.filter(({ url }) => url.includes('/resolve/'))
  expect(ranges.length).toBeGreaterThan(40)
  expect(ranges.every(({ range }) => range !== undefined)).toBe(true)
  for (const one of [whole, all]) await one.close()
  for (const { source } of [far, near]) await source.close()
})

test('a file that the model has not, and a model that has GGUF files only, are refused with the way out', async () => {
  await expect(refer(`${id}:none.gguf`)).rejects.toThrow(/has no file none.gguf/)
  await expect(refer(id)).rejects.toThrow(
    /has no config.json, but 1 GGUF files \(stories260K-Q4_0.gguf\): name one/,
  )
})

test.each([
  ['org/name:m-Q4_0.gguf', { id: 'org/name', revision: 'main', file: 'm-Q4_0.gguf' }],
  ['org/name@v1:Q8_0/m.GGUF', { id: 'org/name', revision: 'v1', file: 'Q8_0/m.GGUF' }],
  ['org/name:../m.gguf', null],
  ['org/name:m.bin', null],
])('%s is read as a file of a hub or not', (ref, expected) => {
  expect(parseHubReference(ref)).toEqual(expected)
})
