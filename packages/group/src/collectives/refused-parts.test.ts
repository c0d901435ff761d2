import { ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { algorithms, type Algorithm, type Part } from './exchange.ts'
import { lengthOfPieces, pieceValues } from './pieces.ts'
import { createJoinedRanks, settled } from './testing/joined-ranks.ts'

const wrong: readonly (readonly [string, Algorithm, number, Part])[] = [
  ['a total in a gather', 'gather', 1, { kind: 'total', chunk: 0, values: new Float32Array(4) }],
  ['too few values', 'gather', 1, { kind: 'partial', chunk: 0, values: new Float32Array(3) }],
  ['a part of the own rank', 'gather', 0, { kind: 'partial', chunk: 0, values: new Float32Array(4) }],
  ['a rank that does not exist', 'gather', 2, { kind: 'partial', chunk: 0, values: new Float32Array(4) }],
  ['a total at the hub', 'star', 1, { kind: 'total', chunk: 0, values: new Float32Array(4) }],
  ['a piece that does not exist', 'gather', 1, { kind: 'partial', chunk: 1, values: new Float32Array(4) }],
  [
    'a piece that does not exist',
    'star',
    1,
    { kind: 'partial', chunk: 2 ** 32 - 1, values: new Float32Array(4) },
  ],
  ['a piece that does not exist', 'ring', 1, { kind: 'total', chunk: 1, values: new Float32Array(4) }],
  [
    'a running sum for the first rank of a ring',
    'ring',
    1,
    { kind: 'partial', chunk: 0, values: new Float32Array(4) },
  ],
]

test.each(wrong)('refused: %s', (_, algorithm, from, part) => {
  const [member] = createJoinedRanks(2, algorithm).members
  member!.begin(0)
  member!.sum(new Float32Array(4)).catch(() => undefined)
  expect(() => member!.receive(from, { call: 0, sum: 0 }, part)).toThrow(
    expect.objectContaining({ code: 'bad-frame' }),
  )
})

const length = 2 * pieceValues + 1
const each = lengthOfPieces(length, 3)
const wrongPieces: readonly (readonly [string, number, Part])[] = [
  [
    'a part of a piece that another rank adds up',
    1,
    { kind: 'partial', chunk: 1, values: new Float32Array(each) },
  ],
  [
    'the total of a piece that is added up here',
    1,
    { kind: 'total', chunk: 0, values: new Float32Array(each) },
  ],
  [
    'a total from a rank that does not add it up',
    2,
    { kind: 'total', chunk: 1, values: new Float32Array(each) },
  ],
  [
    'a total that is too long for the last piece',
    2,
    { kind: 'total', chunk: 2, values: new Float32Array(each) },
  ],
]

test.each(wrongPieces)('refused in a star of three pieces: %s', (_, from, part) => {
  const [member] = createJoinedRanks(3, 'star').members
  member!.begin(0)
  member!.sum(new Float32Array(length)).catch(() => undefined)
  expect(() => member!.receive(from, { call: 0, sum: 0 }, part)).toThrow(
    expect.objectContaining({ code: 'bad-frame' }),
  )
  member!.receive(1, { call: 0, sum: 0 }, { kind: 'total', chunk: 1, values: new Float32Array(each) })
  expect(() =>
    member!.receive(1, { call: 0, sum: 0 }, { kind: 'total', chunk: 1, values: new Float32Array(each) }),
  ).toThrow('a second time')
})

test.each(algorithms)(
  'any parts in a %s are added, dropped or refused as bad-frame, and a total has all of its parts',
  async (algorithm) => {
    const hostile = fc.record({
      from: fc.integer({ min: -1, max: 4 }),
      id: fc.record({ call: fc.integer({ min: 0, max: 1 }), sum: fc.integer({ min: 0, max: 2 }) }),
      kind: fc.constantFrom('partial' as const, 'total' as const),
      chunk: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(2 ** 32 - 1)),
      length: fc.constantFrom(0, 1, 5, 6, pieceValues, pieceValues + 1, 21_847),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2 }),
        fc.array(hostile, { maxLength: 12 }),
        async (rank, parts) => {
          const [member] = [createJoinedRanks(3, algorithm).members[rank]!]
          member.begin(0)
          let total: Float32Array | undefined
          member.sum(new Float32Array(2 * pieceValues + 5).fill(1)).then(
            (rows) => (total = rows),
            () => undefined,
          )
          for (const { from, id, kind, chunk, length } of parts) {
            try {
              member.receive(from, id, { kind, chunk, values: new Float32Array(length).fill(1) })
            } catch (error) {
              expect(error).toMatchObject({ name: 'ShoalError', code: 'bad-frame' })
            }
          }
          await settled()
          // A sum of three pieces needs at least three parts, also in a ring.
          if (total !== undefined) expect(parts.length).toBeGreaterThanOrEqual(3)
          if (total !== undefined && algorithm === 'gather')
            expect(total.every((value) => value === 3)).toBe(true)
          member.close(new ShoalError('cancelled', 'over'))
        },
      ),
      { numRuns: 150 },
    )
  },
)

test.each(wrong.filter(([, algorithm, from]) => algorithm !== 'ring' && from === 1))(
  'an early part is checked once its sum begins, and its sender is refused: %s',
  async (_, algorithm, from, part) => {
    const group = createJoinedRanks(2, algorithm)
    const [member] = group.members
    member!.begin(0)
    member!.receive(from, { call: 0, sum: 0 }, part)
    const sum = member!.sum(new Float32Array(4))
    expect(group.refused).toMatchObject([{ from, error: { code: 'bad-frame' } }])
    await expect(sum).rejects.toMatchObject({ code: 'bad-frame' })
  },
)

test('the rank that fills the room for early parts is refused, not the next rank that sends one', () => {
  const group = createJoinedRanks(3, 'gather')
  const [member] = group.members
  member!.begin(0)
  const part = (length: number): Part => ({ kind: 'partial', chunk: 0, values: new Float32Array(length) })
  for (let sum = 0; sum < 8; sum += 1) member!.receive(2, { call: 9, sum }, part(2 ** 21 - 1))
  member!.receive(1, { call: 0, sum: 0 }, part(1024))
  expect(group.refused).toMatchObject([{ from: 2, error: { code: 'bad-frame' } }])
})

test('parts of sums that never begin do not fill the memory', () => {
  const [member] = createJoinedRanks(2, 'gather').members
  member!.begin(0)
  const part = { kind: 'partial', chunk: 0, values: new Float32Array(2 ** 21) } as const
  const send = (sum: number): void => member!.receive(1, { call: 1, sum }, part)
  for (let sum = 0; sum < 8; sum += 1) send(sum)
  expect(() => send(8)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
})

test('a second part from the same rank is refused', () => {
  const [member] = createJoinedRanks(3, 'gather').members
  member!.begin(0)
  member!.sum(new Float32Array(4)).catch(() => undefined)
  const part = { kind: 'partial', chunk: 0, values: new Float32Array(4) } as const
  member!.receive(1, { call: 0, sum: 0 }, part)
  expect(() => member!.receive(1, { call: 0, sum: 0 }, part)).toThrow('a second time')
})
