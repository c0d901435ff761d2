import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  createFetchModel,
  createFetchWorld,
  type FetchModel,
  type FetchWorld,
} from '../../testing/fetch-world.ts'
import { trustLimits } from '../../trust/limits.ts'
import type { PeerTransfer } from '../../trust/reputation.ts'
import type { BlobSource } from './serve.ts'

let model: FetchModel
let world: FetchWorld

beforeAll(async () => {
  model = await createFetchModel()
})
afterAll(() => model.close())
beforeEach(() => {
  world = createFetchWorld(model)
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
  ['wrong bytes', () => changed(world.honest(), flipped), { failures: 0 }],
  [
    'one wrong bit in one piece',
    () => changed(world.honest(), (bytes, reads) => (reads === 3 ? flipped(bytes) : bytes)),
    { wrongPieces: 1, failures: 0 },
  ],
  ['pieces that are too short', () => changed(world.honest(), (bytes) => bytes.subarray(1)), { failures: 0 }],
  [
    'another size of the whole',
    () => ({ ...world.honest(), size: (blob) => (world.honest().size(blob) ?? 0) + 1 }),
    { failures: 0 },
  ],
  ['silence', () => changed(world.honest(), () => new Promise(() => undefined)), { wrongPieces: 0 }],
  [
    'silence after two pieces',
    () => changed(world.honest(), (bytes, reads) => (reads > 2 ? new Promise(() => undefined) : bytes)),
    { wrongPieces: 0 },
  ],
  [
    'a read that fails',
    () => changed(world.honest(), () => Promise.reject(new Error('bad disk'))),
    { wrongPieces: 0 },
  ],
  ['no unit', () => ({ ...world.honest(), size: () => null }), { wrongPieces: 0, failures: 0 }],
  [
    'its end in mid-piece',
    (name) =>
      changed(world.honest(), (bytes, reads) => {
        if (reads === 3) world.network.kill(name)
        return bytes
      }),
    { wrongPieces: 0 },
  ],
])('beside an honest holder, one that gives %s does no harm', async (_, hostile, expected) => {
  const folder = await world.newFolder()
  await world.fetch(folder, [world.holder('hostile', hostile('hostile')), world.holder('honest')])
  await folder.verify('block-0')
  expect(world.accountOf('hostile')).toMatchObject(expected)
  if (expected.wrongPieces === undefined) expect(world.accountOf('hostile').wrongPieces).toBeGreaterThan(0)
  expect(world.accountOf('honest')).toMatchObject({ wrongPieces: 0, failures: 0 })
  await folder.close()
})

test('among many senders of one tensor the liar is found', async () => {
  const folder = await world.newFolder()
  await world.fetch(
    folder,
    [
      world.holder('a'),
      world.holder(
        'liar',
        changed(world.honest(), (bytes, reads) => (reads % 2 === 0 ? flipped(bytes) : bytes)),
      ),
      world.holder('b'),
      world.holder('c'),
    ],
    ['block-0', 'block-1'],
  )
  expect(
    world.reputation
      .transfers()
      .filter(({ wrongPieces }) => wrongPieces > 0)
      .map(({ peer }) => peer),
  ).toEqual(['liar'])
  await folder.verify('block-0')
  await folder.verify('block-1')
  await folder.close()
})

test('after two wrong pieces a peer is not asked for a while', async () => {
  const folder = await world.newFolder()
  const peers = [world.holder('liar', changed(world.honest(), flipped)), world.holder('honest')]
  await world.fetch(folder, peers, ['block-0'])
  await world.fetch(folder, peers, ['block-1'])
  const { wrongPieces, barredForMs, receivedBytes } = world.accountOf('liar')
  expect(wrongPieces).toBeGreaterThanOrEqual(trustLimits.wrongWeightsUntilBarred)
  expect(barredForMs).toBeGreaterThan(0)
  await world.fetch(folder, peers, ['head'])
  expect(world.accountOf('liar').receivedBytes).toBe(receivedBytes)
  world.clock.advance(barredForMs)
  expect(world.reputation.rankSources(peers)).toEqual(['honest', 'liar'])
  await folder.close()
})

test('when all lie, the unit stays away and each is named', async () => {
  const folder = await world.newFolder()
  const lying = world.fetch(folder, [
    world.holder('x', changed(world.honest(), flipped)),
    world.holder('y', changed(world.honest(), flipped)),
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
