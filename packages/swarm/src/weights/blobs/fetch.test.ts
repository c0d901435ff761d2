import { join } from 'node:path'
import { buildManifest, identifyManifest, packedTensors, parseProfile } from '@shoal/model'
import { createPackedFolder } from '@shoal/model/node'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  createFetchModel,
  createFetchWorld,
  MiB,
  type FetchModel,
  type FetchWorld,
} from '../../testing/fetch-world.ts'
import { createReputation } from '../../trust/reputation.ts'
import { blobLimits } from './limits.ts'

const profile = parseProfile('f32')
let model: FetchModel
let world: FetchWorld

beforeAll(async () => {
  model = await createFetchModel()
})
afterAll(() => model.close())
beforeEach(() => {
  world = createFetchWorld(model)
})

test('three holders share the work, and nothing comes twice', async () => {
  const peers = ['a', 'b', 'c'].map((name) => world.holder(name))
  const folder = await world.newFolder()
  const seen: [number, number][] = []
  await world.fetch(folder, peers, ['block-0', 'head'], {
    onProgress: (done, total) => void seen.push([done, total]),
  })
  const given = peers.map((peer) => world.accountOf(peer).receivedBytes)
  expect(given.reduce((sum, bytes) => sum + bytes)).toBe(model.unitBytes('block-0', 'head'))
  for (const bytes of given) expect(bytes).toBeGreaterThan(MiB)
  expect(seen.at(-1)).toEqual([model.unitBytes('block-0', 'head'), model.unitBytes('block-0', 'head')])
  await folder.verify('block-0')
  await folder.verify('head')
  await folder.close()
})

test('a slow holder is given less', async () => {
  world.network.setLatency('self', 'slow', 400)
  const folder = await world.newFolder()
  await world.fetch(folder, [world.holder('slow'), world.holder('quick')], ['block-0', 'block-1'])
  expect(world.accountOf('slow').receivedBytes).toBeLessThan(world.accountOf('quick').receivedBytes / 2)
  expect(world.accountOf('slow')).toMatchObject({ wrongPieces: 0, failures: 0 })
  await folder.close()
})

test('nobody to ask is said so', async () => {
  const folder = await world.newFolder()
  await expect(world.fetch(folder, [])).rejects.toThrow(
    /no peer could give unit block-0: nobody is connected/,
  )
  await expect(world.fetch(folder, ['ghost'])).rejects.toThrow(/ghost cannot be reached/)
  await folder.close()
})

test('what an interrupted fetch brought is not asked for again', async () => {
  const folder = await world.newFolder()
  const peers = [world.holder('a'), world.holder('b')]
  const interrupt = new AbortController()
  const first = world.fetch(folder, peers, ['block-0'], {
    signal: interrupt.signal,
    onProgress: (done) => (done > 4 * MiB ? interrupt.abort(new Error('enough')) : undefined),
  })
  await expect(first).rejects.toThrow('enough')
  const before = world.reputation.transfers().reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
  const reputation = createReputation(world.clock)
  const seen: number[] = []
  await world.fetch(folder, peers, ['block-0'], { reputation, onProgress: (done) => void seen.push(done) })
  expect(seen[0]).toBeGreaterThan(4 * MiB)
  const after = reputation.transfers().reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
  expect(after).toBe(model.unitBytes('block-0') - (seen[0] ?? 0))
  // Pieces that were on their way when it ended are lost, no others.
  expect(before - (seen[0] ?? 0)).toBeLessThanOrEqual(2 * blobLimits.piecesInFlight * MiB)
  await folder.verify('block-0')
  await folder.close()
})

test('a holder that appears later is asked too', async () => {
  world.network.setLatency('self', 'first', 300)
  const peers = [world.holder('first')]
  const folder = await world.newFolder()
  await world.fetch(folder, peers, ['block-0', 'block-1'], {
    onProgress: (done) =>
      done > 3 * MiB && peers.length === 1 ? void peers.push(world.holder('later')) : undefined,
  })
  expect(world.accountOf('later').receivedBytes).toBeGreaterThan(MiB)
  await folder.close()
})

test('units that the disk has no room for are refused before a byte is fetched', async () => {
  const config = {
    ...model.folder.manifest.manifest.config,
    hiddenSize: 131_072,
    headCount: 1024,
    keyValueHeadCount: 1024,
    headSize: 128,
    feedForwardSize: 1 << 20,
  }
  const tensors = packedTensors(config, profile).map(({ name, type, shape, offset, bytes }) => ({
    name,
    type,
    shape,
    offset,
    bytes,
    sha256: '0'.repeat(64),
  }))
  const manifest = identifyManifest(
    buildManifest({ name: 'huge', config, assets: new Map() }, profile, tensors),
  )
  const folder = await createPackedFolder(join(model.root, 'huge'), manifest)
  await expect(world.fetch(folder, [world.holder('a')])).rejects.toThrow(
    expect.objectContaining({
      code: 'disk-full',
      message: expect.stringMatching(/fetching 1 units of huge needs/),
    }),
  )
  expect(world.accountOf('a').receivedBytes).toBe(0)
  await folder.close()
})
