import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { buildManifest, identifyManifest, openModel, packedTensors, parseProfile } from '@shoal/model'
import {
  createPackedFolder,
  openFolder,
  packIntoFolder,
  writeRandomModel,
  type PackedFolder,
} from '@shoal/model/node'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { folderBlobs } from '../model-store.ts'
import { fetchUnits } from './fetch.ts'
import { createLinkRates } from '../../measuring/link-rates.ts'
import { trustLimits } from '../../trust/limits.ts'
import { createReputation, type PeerTransfer, type Reputation } from '../../trust/reputation.ts'
import { blobLimits } from './limits.ts'
import { serveBlobs, type BlobSource } from './serve.ts'

const MiB = 1 << 20
const profile = parseProfile('f32')
let root: string
let whole: PackedFolder
let clock: VirtualClock
let network: MemoryNetwork
let self: Transport
let reputation: Reputation
let folders = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-fetch-'))
  const shape = {
    hidden: 512,
    blocks: 2,
    heads: 8,
    keyValueHeads: 4,
    feedForward: 1536,
    vocabulary: 256,
    context: 64,
    tied: true,
    seed: 5,
  }
  await writeRandomModel(join(root, 'model'), shape)
  const source = await openModel(await openFolder(join(root, 'model')))
  whole = await packIntoFolder(source, profile, join(root, 'whole'))
  await source.close()
})
afterAll(async () => {
  await whole.close()
  await rm(root, { recursive: true })
})
beforeEach(() => {
  clock = createVirtualClock()
  network = createMemoryNetwork({ clock, random: seededRandom(1), latencyMs: 1 })
  self = network.createTransport('self')
  reputation = createReputation(clock)
})

const unitBytes = (...units: string[]): number =>
  whole.manifest.manifest.tensors
    .filter(({ name }) => units.some((unit) => name.startsWith(`${unit}.`)))
    .reduce((sum, { bytes }) => sum + bytes, 0)

const newFolder = (): Promise<PackedFolder> =>
  createPackedFolder(join(root, `to-${(folders += 1)}`), whole.manifest)
const honest = (): BlobSource => folderBlobs(() => whole)

/** A peer that serves `blobs`. */
function holder(name: string, blobs: BlobSource = honest()): string {
  const transport = network.createTransport(name)
  serveBlobs(transport, blobs, silentLogger)
  self.learn(name, transport.addresses())
  return name
}

/** Runs time while the disk works: a turn of the real event loop is ten virtual milliseconds. */
async function driven<T>(work: Promise<T>): Promise<T> {
  let settled = false
  const watched = work.finally(() => {
    settled = true
  })
  watched.catch(() => undefined)
  while (!settled) {
    await stat(root)
    clock.advance(10)
  }
  return watched
}

function fetch(
  folder: PackedFolder,
  peers: readonly string[],
  units: readonly string[] = ['block-0'],
  options: { signal?: AbortSignal; onProgress?(done: number, total: number): void } = {},
): Promise<void> {
  return driven(
    fetchUnits(
      { transport: self, clock, reputation, rates: createLinkRates(clock), candidates: () => peers },
      folder,
      units,
      options,
    ),
  )
}
const accountOf = (peer: string): PeerTransfer =>
  reputation.transfers().find((one) => one.peer === peer) ?? {
    peer,
    receivedBytes: 0,
    lies: 0,
    failures: 0,
    barredForMs: 0,
  }

test('three holders share the work, and nothing comes twice', async () => {
  const peers = ['a', 'b', 'c'].map((name) => holder(name))
  const folder = await newFolder()
  const seen: [number, number][] = []
  await fetch(folder, peers, ['block-0', 'head'], {
    onProgress: (done, total) => void seen.push([done, total]),
  })
  const given = peers.map((peer) => accountOf(peer).receivedBytes)
  expect(given.reduce((sum, bytes) => sum + bytes)).toBe(unitBytes('block-0', 'head'))
  for (const bytes of given) expect(bytes).toBeGreaterThan(MiB)
  expect(seen.at(-1)).toEqual([unitBytes('block-0', 'head'), unitBytes('block-0', 'head')])
  await folder.verify('block-0')
  await folder.verify('head')
  await folder.close()
})

test('a slow holder is given less', async () => {
  network.setLatency('self', 'slow', 400)
  const folder = await newFolder()
  await fetch(folder, [holder('slow'), holder('quick')], ['block-0', 'block-1'])
  expect(accountOf('slow').receivedBytes).toBeLessThan(accountOf('quick').receivedBytes / 2)
  expect(accountOf('slow')).toMatchObject({ lies: 0, failures: 0 })
  await folder.close()
})

const changed = (
  source: BlobSource,
  read: (bytes: Uint8Array, reads: number) => Uint8Array | Promise<Uint8Array>,
): BlobSource => {
  let reads = 0
  return {
    size: (blob) => source.size(blob),
    read: async (blob, offset, length) => read(await source.read(blob, offset, length), (reads += 1)),
  }
}
const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1)

test.each<[string, (name: string) => BlobSource, Partial<PeerTransfer>]>([
  ['wrong bytes', () => changed(honest(), flipped), { failures: 0 }],
  [
    'one wrong bit in one piece',
    () => changed(honest(), (bytes, reads) => (reads === 3 ? flipped(bytes) : bytes)),
    { lies: 1, failures: 0 },
  ],
  ['pieces that are too short', () => changed(honest(), (bytes) => bytes.subarray(1)), { failures: 0 }],
  [
    'another size of the whole',
    () => ({ ...honest(), size: (blob) => (honest().size(blob) ?? 0) + 1 }),
    { failures: 0 },
  ],
  ['silence', () => changed(honest(), () => new Promise(() => undefined)), { lies: 0 }],
  [
    'silence after two pieces',
    () => changed(honest(), (bytes, reads) => (reads > 2 ? new Promise(() => undefined) : bytes)),
    { lies: 0 },
  ],
  ['a read that fails', () => changed(honest(), () => Promise.reject(new Error('bad disk'))), { lies: 0 }],
  ['no unit', () => ({ ...honest(), size: () => null }), { lies: 0, failures: 0 }],
  [
    'its end in mid-piece',
    (name) =>
      changed(honest(), (bytes, reads) => {
        if (reads === 3) network.kill(name)
        return bytes
      }),
    { lies: 0 },
  ],
])('beside an honest holder, one that gives %s does no harm', async (_, hostile, expected) => {
  const folder = await newFolder()
  await fetch(folder, [holder('hostile', hostile('hostile')), holder('honest')])
  await folder.verify('block-0')
  expect(accountOf('hostile')).toMatchObject(expected)
  if (expected.lies === undefined) expect(accountOf('hostile').lies).toBeGreaterThan(0)
  expect(accountOf('honest')).toMatchObject({ lies: 0, failures: 0 })
  await folder.close()
})

test('among many senders of one tensor the liar is found', async () => {
  const folder = await newFolder()
  await fetch(
    folder,
    [
      holder('a'),
      holder(
        'liar',
        changed(honest(), (bytes, reads) => (reads % 2 === 0 ? flipped(bytes) : bytes)),
      ),
      holder('b'),
      holder('c'),
    ],
    ['block-0', 'block-1'],
  )
  expect(
    reputation
      .transfers()
      .filter(({ lies }) => lies > 0)
      .map(({ peer }) => peer),
  ).toEqual(['liar'])
  await folder.verify('block-0')
  await folder.verify('block-1')
  await folder.close()
})

test('after two lies a peer is not asked for a while', async () => {
  const folder = await newFolder()
  const peers = [holder('liar', changed(honest(), flipped)), holder('honest')]
  await fetch(folder, peers, ['block-0'])
  await fetch(folder, peers, ['block-1'])
  const { lies, barredForMs, receivedBytes } = accountOf('liar')
  expect(lies).toBeGreaterThanOrEqual(trustLimits.wrongWeightsUntilBarred)
  expect(barredForMs).toBeGreaterThan(0)
  await fetch(folder, peers, ['head'])
  expect(accountOf('liar').receivedBytes).toBe(receivedBytes)
  clock.advance(barredForMs)
  expect(reputation.rankSources(peers)).toEqual(['honest', 'liar'])
  await folder.close()
})

test('when all lie, the unit stays away and each is named', async () => {
  const folder = await newFolder()
  const lying = fetch(folder, [
    holder('x', changed(honest(), flipped)),
    holder('y', changed(honest(), flipped)),
  ])
  await expect(lying).rejects.toThrow(
    expect.objectContaining({
      code: 'not-found',
      message: expect.stringMatching(/no peer could give unit block-0: .*(x|y) sent a wrong block-0/),
    }),
  )
  expect(folder.hasUnit('block-0')).toBe(false)
  await folder.close()
})

test('nobody to ask is said so', async () => {
  const folder = await newFolder()
  await expect(fetch(folder, [])).rejects.toThrow(/no peer could give unit block-0: nobody is connected/)
  await expect(fetch(folder, ['ghost'])).rejects.toThrow(/ghost cannot be reached/)
  await folder.close()
})

test('what an interrupted fetch brought is not asked for again', async () => {
  const folder = await newFolder()
  const peers = [holder('a'), holder('b')]
  const interrupt = new AbortController()
  const first = fetch(folder, peers, ['block-0'], {
    signal: interrupt.signal,
    onProgress: (done) => (done > 4 * MiB ? interrupt.abort(new Error('enough')) : undefined),
  })
  await expect(first).rejects.toThrow('enough')
  const before = reputation.transfers().reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
  reputation = createReputation(clock)
  const seen: number[] = []
  await fetch(folder, peers, ['block-0'], { onProgress: (done) => void seen.push(done) })
  expect(seen[0]).toBeGreaterThan(4 * MiB)
  const after = reputation.transfers().reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
  expect(after).toBe(unitBytes('block-0') - (seen[0] ?? 0))
  // Pieces that were on their way when it ended are lost, no others.
  expect(before - (seen[0] ?? 0)).toBeLessThanOrEqual(2 * blobLimits.piecesInFlight * MiB)
  await folder.verify('block-0')
  await folder.close()
})

test('a holder that appears later is asked too', async () => {
  network.setLatency('self', 'first', 300)
  const peers = [holder('first')]
  const folder = await newFolder()
  await fetch(folder, peers, ['block-0', 'block-1'], {
    onProgress: (done) =>
      done > 3 * MiB && peers.length === 1 ? void peers.push(holder('later')) : undefined,
  })
  expect(accountOf('later').receivedBytes).toBeGreaterThan(MiB)
  await folder.close()
})

test('units that the disk has no room for are refused before a byte is fetched', async () => {
  const config = {
    ...whole.manifest.manifest.config,
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
  const folder = await createPackedFolder(join(root, 'huge'), manifest)
  await expect(fetch(folder, [holder('a')])).rejects.toThrow(
    expect.objectContaining({
      code: 'disk-full',
      message: expect.stringMatching(/fetching 1 units of huge needs/),
    }),
  )
  expect(accountOf('a').receivedBytes).toBe(0)
  await folder.close()
})
