import { createMemoryBudget } from '@shoal/host'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededValues } from '../probe/seeded-values.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'
import type { PackedModel } from '../testing/packed-model.ts'
import type { BlockRunner, Device } from '../block-runner.ts'
import { createMixingDevice } from './device.ts'

const config = {
  ...smallLlama,
  hiddenSize: 4,
  feedForwardSize: 4,
  blockCount: 6,
  headCount: 1,
  keyValueHeadCount: 1,
  headSize: 2,
}
const whole = { start: 0, end: config.blockCount }
const positions = 12
let packed: PackedModel
let device: Device

beforeAll(() => {
  packed = randomModel(config, 'f32')
  device = createMixingDevice({
    manifest: packed.manifest,
    readTensor: (name, offset, length) => packed.read(name, offset, length),
  })
})
afterAll(() => packed.remove())

const load = (start: number, end: number): Promise<BlockRunner> =>
  device.loadBlocks({ start, end }, { memory: createMemoryBudget(2 ** 24) })
const inputs = (seed: number): Float32Array => seededValues(seed, positions * config.hiddenSize, 1)
const rowsOf = (values: Float32Array, from: number, to: number): Float32Array =>
  values.subarray(from * config.hiddenSize, to * config.hiddenSize)

/** All rows in one call through all blocks. */
async function compute(hidden: Float32Array): Promise<Float32Array> {
  const runner = await load(0, whole.end)
  await runner.open('a', positions)
  return runner.forward('a', 0, hidden)
}

/** Where one array of rows begins to be another; `positions` when it never does. */
const firstDifference = (a: Float32Array, b: Float32Array): number => {
  const at = a.findIndex((value, index) => !Object.is(value, b[index]))
  return at < 0 ? positions : Math.floor(at / config.hiddenSize)
}

test('rows are the same however they are grouped, rewound and cut into spans, and with caches that have moved', async () => {
  const cuts = fc
    .uniqueArray(fc.integer({ min: 1, max: whole.end - 1 }), { maxLength: 4 })
    .map((at) => [0, ...at.sort((a, b) => a - b), whole.end])
  const calls = fc.array(
    fc.record({
      rows: fc.integer({ min: 1, max: 5 }),
      rewind: fc.integer({ min: 0, max: 3 }),
      move: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(fc.integer(), cuts, calls, async (seed, bounds, steps) => {
      const hidden = inputs(seed)
      const expected = await compute(hidden)
      const runners = await Promise.all(bounds.slice(1).map((end, index) => load(bounds[index]!, end)))
      let session = 's0'
      for (const runner of runners) await runner.open(session, positions)
      let position = 0
      for (const [turn, { rows, rewind, move }] of [
        ...steps,
        { rows: positions, rewind: 0, move: false },
      ].entries()) {
        position = Math.max(0, position - rewind)
        const end = Math.min(positions, position + rows)
        if (move && position > 0) {
          const next = `s${turn + 1}`
          for (const runner of runners) {
            const half = Math.ceil(position / 2)
            await runner.open(next, positions)
            await runner.importKeyValues(next, 0, await runner.exportKeyValues(session, { to: half }))
            if (half < position)
              await runner.importKeyValues(
                next,
                half,
                await runner.exportKeyValues(session, { from: half, to: position }),
              )
            await runner.close(session)
          }
          session = next
        }
        if (end === position) continue
        let state = rowsOf(hidden, position, end)
        for (const runner of runners) {
          await runner.truncate(session, position)
          state = await runner.forward(session, position, state)
        }
        expect([...state]).toEqual([...rowsOf(expected, position, end)])
        position = end
      }
    }),
    { numRuns: 60 },
  )
})

test('a row that is lost, repeated, exchanged or changed changes every row behind it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 0, max: positions - 2 }),
      fc.constantFrom('lost', 'repeated', 'exchanged', 'changed'),
      async (seed, at, how) => {
        const hidden = inputs(seed)
        const other = hidden.slice()
        if (how === 'lost') other.set(rowsOf(hidden, at + 1, positions), at * config.hiddenSize)
        if (how === 'repeated') other.set(rowsOf(hidden, at, positions - 1), (at + 1) * config.hiddenSize)
        if (how === 'exchanged')
          for (const [from, to] of [
            [at, at + 1],
            [at + 1, at],
          ] as const)
            other.set(rowsOf(hidden, from, from + 1), to * config.hiddenSize)
        if (how === 'changed') other[at * config.hiddenSize] = -other[at * config.hiddenSize]!
        const [expected, found] = [await compute(hidden), await compute(other)]
        const first = how === 'repeated' ? at + 1 : at
        expect(firstDifference(expected, found)).toBe(first)
        for (let row = first; row < positions; row += 1)
          expect([...rowsOf(found, row, row + 1)]).not.toEqual([...rowsOf(expected, row, row + 1)])
      },
    ),
    { numRuns: 60 },
  )
})

test('a cache whose positions were imported in another order gives other rows', async () => {
  const hidden = inputs(1)
  const runner = await load(0, whole.end)
  await runner.open('a', positions)
  const expected = await runner.forward('a', 0, hidden)
  await runner.open('b', positions)
  for (const from of [3, 0, 6])
    await runner.importKeyValues(
      'b',
      runner.length('b'),
      await runner.exportKeyValues('a', { from, to: from + 3 }),
    )
  expect([...(await runner.forward('b', 9, rowsOf(hidden, 9, 10)))]).not.toEqual([...rowsOf(expected, 9, 10)])
})

test('one byte of a weight changes what its block, and the head, give', async () => {
  const spoiling = (unit: string): Device =>
    createMixingDevice({
      manifest: packed.manifest,
      readTensor: async (name, offset, length) => {
        const bytes = await packed.read(name, offset, length)
        return name.startsWith(unit) ? bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte)) : bytes
      },
    })
  const hidden = rowsOf(inputs(2), 0, 1)
  const throughBlocks = async (on: Device): Promise<number[]> => {
    const runner = await on.loadBlocks(whole, { memory: createMemoryBudget(2 ** 24) })
    await runner.open('a', 1)
    return [...(await runner.forward('a', 0, hidden))]
  }
  expect(await throughBlocks(spoiling('block-5.'))).not.toEqual(await throughBlocks(device))
  const logits = async (on: Device): Promise<number[]> => [...(await (await on.loadHead()).logits(hidden))]
  expect(await logits(spoiling('embed'))).not.toEqual(await logits(device))
  expect(await logits(spoiling('block-5.'))).toEqual(await logits(device))
})

test('rows are integers that float32 represents exactly, and logits vary', async () => {
  const rows = await compute(inputs(3))
  expect([...rows].every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 24)).toBe(true)
  const logits = await (await device.loadHead()).logits(rows)
  const winners = Array.from({ length: positions }, (_, row) => {
    const own = [...logits.subarray(row * config.vocabularySize, (row + 1) * config.vocabularySize)]
    return own.indexOf(Math.max(...own))
  })
  expect(new Set(winners).size).toBeGreaterThan(6)
  expect([...logits].every((value) => value >= 0 && value <= 8)).toBe(true)
})

test('ranks are refused with the reason', async () => {
  const one = { start: 0, end: 1 }
  const share = { rank: 0, ranks: 2, heads: one, keyValueHeads: one, columns: one, experts: null }
  await expect(
    device.loadRank(whole, {
      share,
      sum: (partial) => Promise.resolve(partial),
      memory: createMemoryBudget(2 ** 24),
    }),
  ).rejects.toThrow('no matrices')
})
