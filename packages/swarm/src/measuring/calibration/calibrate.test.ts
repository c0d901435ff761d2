import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, silentLogger, type Clock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { identifyManifest, packedTensors, parseProfile, sha256Hex, manifestVersion } from '@shoal/model'
import { afterAll, describe, expect, test } from 'vitest'
import { smallConfig } from '../../testing/small-model.ts'
import { calibrateBlock, lineUnder, timedBlocks } from './calibrate.ts'

test.each([
  [
    'points on a line',
    [
      [16, 1016],
      [512, 1512],
      [1536, 2536],
    ],
    1000,
    1024,
  ],
  [
    'noise about one',
    [
      [0, 990],
      [512, 1530],
      [1024, 2004],
    ],
    990,
    1014,
  ],
  [
    'a neighbour beside the shortest cache',
    [
      [16, 900],
      [512, 650],
      [1536, 1050],
    ],
    650,
    0,
  ],
  [
    'beside the middle one',
    [
      [16, 456],
      [512, 1300],
      [1536, 1064],
    ],
    450,
    410,
  ],
  [
    'beside the longest, which made blocks free',
    [
      [16, 450],
      [512, 650],
      [1536, 3000],
    ],
    444,
    413,
  ],
  [
    'a cache that costs nothing',
    [
      [16, 700],
      [512, 700],
    ],
    700,
    0,
  ],
  [
    'noise that falls',
    [
      [16, 800],
      [512, 700],
      [1536, 600],
    ],
    600,
    0,
  ],
  ['a single point', [[16, 640]], 640, 0],
] as const)('%s', (_name, points, atZero, per1024) => {
  const line = lineUnder(points.map(([past, micros]) => ({ past, micros })))
  expect(line).toEqual({ decodeMicrosPerBlock: atZero, decodeMicrosPer1024Past: per1024 })
})

test.each([
  ['a block larger than any cache', 255_000_000, 1],
  ['a block of the 1B shape in int4', 38_027_264, 2],
  ['a block of a seventh of a cache', 7_060_000, 10],
  ['a tiny block', 4096, 16],
])('%s is timed with enough others to exceed the cache', (_name, blockBytes, blocks) => {
  expect(timedBlocks(blockBytes)).toBe(blocks)
})

describe('a block of the model’s shape', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-calibrate-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const config = {
    ...smallConfig,
    hiddenSize: 32,
    feedForwardSize: 64,
    headCount: 2,
    keyValueHeadCount: 1,
    headSize: 16,
    contextLength: 96,
  }
  const profile = parseProfile('f32')
  const tensors = packedTensors(config, profile).map(({ name, type, shape, offset, bytes }) => ({
    name,
    type,
    shape,
    offset,
    bytes,
    sha256: sha256Hex(new TextEncoder().encode(name)),
  }))
  const manifest = identifyManifest({
    version: manifestVersion,
    name: 'tiny',
    config,
    profile,
    assets: [],
    tensors,
  })
  const dependencies = { clock: systemClock, random: seededRandom(1), logger: silentLogger }
  /** Counts its reads, which only measurements make. */
  const noClock: Clock = {
    ...systemClock,
    nowMs: () => {
      throw new Error('it was measured again')
    },
  }

  test('is timed once per machine, at several cache lengths and chunk sizes', async () => {
    const first = await calibrateBlock(dependencies, manifest, {
      threads: 1,
      slowdown: 1,
      dataFolder: folder,
      sharedFolder: null,
    })
    // The context is shorter than what is timed by default.
    expect(first.decode.map(({ past }) => past)).toEqual([16, 95])
    expect(first.prefill.map(({ rows }) => rows)).toEqual([16, 64, 95])
    expect(
      [
        ...first.decode.map(({ micros }) => micros),
        ...first.prefill.map(({ microsPerRow }) => microsPerRow),
      ].every((micros) => Number.isSafeInteger(micros) && micros > 0),
    ).toBe(true)
    const remembered = { ...dependencies, clock: noClock }
    expect(
      await calibrateBlock(remembered, manifest, {
        threads: 1,
        slowdown: 1,
        dataFolder: folder,
        sharedFolder: null,
      }),
    ).toEqual(first)
    const slow = await calibrateBlock(remembered, manifest, {
      threads: 1,
      slowdown: 3,
      dataFolder: folder,
      sharedFolder: null,
    })
    expect(slow.decodeMicrosPerBlock).toBe(3 * first.decodeMicrosPerBlock)
    await expect(
      calibrateBlock(remembered, manifest, {
        threads: 2,
        slowdown: 1,
        dataFolder: folder,
        sharedFolder: null,
      }),
    ).rejects.toThrow('measured again')
  })

  test('is timed again when the file of results is damaged, and leaves no other file behind', async () => {
    writeFileSync(join(folder, 'calibration.json'), '{"half')
    await calibrateBlock(dependencies, manifest, {
      threads: 1,
      slowdown: 1,
      dataFolder: folder,
      sharedFolder: null,
    })
    expect(
      Object.keys(JSON.parse(readFileSync(join(folder, 'calibration.json'), 'utf8')) as object),
    ).toHaveLength(1)
    expect(readdirSync(folder)).toEqual(['calibration.json'])
  })
})
