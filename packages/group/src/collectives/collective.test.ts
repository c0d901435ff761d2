import { createVirtualClock, seededRandom, ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCollective, type Collective, type SumId } from './collective.ts'
import { algorithms, type Algorithm, type Outgoing, type Part } from './exchange.ts'
import { lengthOfPieces, pieceValues } from './pieces.ts'

interface Message {
  readonly from: number
  readonly to: number
  readonly id: SumId
  readonly part: Part
}

/** Ranks joined by queues that keep the order between two of them, as channels do. */
function createGroup(
  ranks: number,
  algorithm: Algorithm,
  deadlineMs = 1000,
): {
  clock: ReturnType<typeof createVirtualClock>
  members: Collective[]
  queues: Map<string, Message[]>
  delivered: Float32Array[]
  refused: { from: number; error: ShoalError }[]
  deliver(pick: (count: number) => number, alive?: (rank: number) => boolean): boolean
} {
  const clock = createVirtualClock()
  const queues = new Map<string, Message[]>()
  const delivered: Float32Array[] = []
  const refused: { from: number; error: ShoalError }[] = []
  const send =
    (from: number) =>
    (id: SumId, { to, ...part }: Outgoing): void => {
      const key = `${from}>${to}`
      queues.set(key, [
        ...(queues.get(key) ?? []),
        { from, to, id, part: { ...part, values: part.values.slice() } },
      ])
    }
  const members: Collective[] = Array.from({ length: ranks }, (_, rank) =>
    createCollective({
      clock,
      rank,
      ranks,
      deadlineMs,
      algorithm: () => algorithm,
      send: send(rank),
      // As a group does: its channel ends, and all sums with it.
      refuse(from, error) {
        refused.push({ from, error })
        members[rank]!.close(error)
      },
      nameOf: (other) => `rank ${other}`,
    }),
  )
  return {
    clock,
    members,
    queues,
    delivered,
    refused,
    deliver(pick, alive = () => true) {
      const waiting = [...queues.values()].filter(
        (queue) => queue[0] !== undefined && alive(queue[0].to) && alive(queue[0].from),
      )
      const queue = waiting[pick(waiting.length)]
      const message = queue?.shift()
      if (message === undefined) return false
      delivered.push(message.part.values)
      members[message.to]!.receive(message.from, message.id, message.part)
      return true
    },
  }
}

/** One element after the other, as the contract says it. */
const inRankOrder = (parts: readonly Float32Array[]): Float32Array =>
  Float32Array.from(parts[0]!, (_, index) =>
    parts.map((part) => part[index]!).reduce((sum, value) => Math.fround(sum + value)),
  )
const hex = (sum: Float32Array): string => Buffer.from(sum.buffer).toString('hex')

const values = (seed: number, length: number): Float32Array => {
  const random = seededRandom(seed)
  return Float32Array.from({ length }, () => random.unit() * 1000 - 500)
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

describe.each(algorithms)('%s', (algorithm) => {
  test('every rank has the sum in rank order, whatever arrives first, sum after sum', async () => {
    const cases = fc.record({
      ranks: fc.integer({ min: 1, max: 5 }),
      length: fc.constantFrom(1, 7, 8192, 20_000, pieceValues + 1, 5 * pieceValues - 3),
      seed: fc.integer(),
      sums: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ ranks, length, seed, sums }) => {
        const group = createGroup(ranks, algorithm)
        const random = seededRandom(seed)
        const own = Array.from({ length: sums }, (_, sum) =>
          Array.from({ length: ranks }, (_, rank) => values(seed + 31 * sum + rank, length)),
        )
        const expected = own.map((parts) => hex(inRankOrder(parts)))
        const results = group.members.map(async (member, rank) => {
          member.begin(0)
          const found: string[] = []
          for (const parts of own) found.push(hex(await member.sum(parts[rank]!.slice())))
          return found
        })
        let idle = 0
        while (idle < 3) {
          idle = group.deliver((count) => Math.floor(random.unit() * count)) ? 0 : idle + 1
          await settled()
        }
        for (const found of await Promise.all(results)) expect(found).toEqual(expected)
        // Nothing is left to the collector.
        expect(group.delivered.filter(({ byteLength }) => byteLength >= 4096)).toEqual([])
      }),
      { numRuns: 25 },
    )
  })

  test('a rank that dies at any point is told of at every survivor', async () => {
    const cases = fc.record({
      ranks: fc.integer({ min: 2, max: 4 }),
      dead: fc.nat(),
      after: fc.integer({ min: 0, max: 14 }),
      seed: fc.integer(),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ ranks, dead, after, seed }) => {
        const group = createGroup(ranks, algorithm)
        const random = seededRandom(seed)
        const gone = dead % ranks
        const results = group.members.map(async (member, rank): Promise<unknown> => {
          member.begin(0)
          try {
            for (let sum = 0; sum < 3; sum += 1) await member.sum(values(rank + sum, 2 * pieceValues + 5))
            return 'done'
          } catch (error) {
            return error
          }
        })
        for (let step = 0; step < after; step += 1) {
          group.deliver((count) => Math.floor(random.unit() * count))
          await settled()
        }
        let idle = 0
        while (idle < 3) {
          idle = group.deliver(
            (count) => Math.floor(random.unit() * count),
            (rank) => rank !== gone,
          )
            ? 0
            : idle + 1
          await settled()
        }
        group.clock.advance(1001)
        for (const [rank, result] of results.entries()) {
          if (rank === gone) continue
          const found = await result
          if (found !== 'done') expect(found).toMatchObject({ name: 'ShoalError', code: 'deadline-passed' })
        }
      }),
      { numRuns: 40 },
    )
  })
})

test('a deadline names who is missing, and the next call goes on', async () => {
  const group = createGroup(3, 'gather', 250)
  const [zero, one, two] = group.members as [Collective, Collective, Collective]
  for (const member of group.members) member.begin(4)
  const sum = zero.sum(Float32Array.of(1))
  void one.sum(Float32Array.of(2)).catch(() => undefined)
  group.deliver(() => 1)
  group.queues.clear()
  group.clock.advance(251)
  await expect(sum).rejects.toThrow(/^no part of a sum from rank [12](, rank 2)? within 250 ms$/)
  await expect(zero.sum(Float32Array.of(1))).rejects.toMatchObject({ code: 'deadline-passed' })
  for (const member of group.members) member.begin(5)
  const sums = [zero, one, two].map((member, rank) => member.sum(Float32Array.of(rank + 1)))
  while (group.deliver(() => 0)) await settled()
  expect((await Promise.all(sums)).map(([value]) => value)).toEqual([6, 6, 6])
})

test('failing a call fails its sums; parts of it that come later are dropped', async () => {
  const group = createGroup(2, 'gather')
  const [zero, one] = group.members as [Collective, Collective]
  zero.begin(0)
  one.begin(0)
  const sum = zero.sum(Float32Array.of(1))
  zero.fail(0, new ShoalError('peer-vanished', 'rank 1 is gone'))
  await expect(sum).rejects.toThrow('rank 1 is gone')
  one.sum(Float32Array.of(1)).catch(() => undefined)
  group.deliver(() => 1)
  await expect(zero.sum(Float32Array.of(1))).rejects.toThrow('rank 1 is gone')
  zero.close(new ShoalError('not-ready', 'closed'))
  zero.begin(1)
  await expect(zero.sum(Float32Array.of(1))).rejects.toThrow('closed')
})

const wrong: readonly (readonly [string, Algorithm, number, Part])[] = [
  ['a total in a gather', 'gather', 1, { kind: 'total', chunk: 0, values: new Float32Array(4) }],
  ['too few numbers', 'gather', 1, { kind: 'partial', chunk: 0, values: new Float32Array(3) }],
  ['its own rank', 'gather', 0, { kind: 'partial', chunk: 0, values: new Float32Array(4) }],
  ['a rank outside', 'gather', 2, { kind: 'partial', chunk: 0, values: new Float32Array(4) }],
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
    'a running sum for the first of the ring',
    'ring',
    1,
    { kind: 'partial', chunk: 0, values: new Float32Array(4) },
  ],
]

test.each(wrong)('refused: %s', (_, algorithm, from, part) => {
  const [member] = createGroup(2, algorithm).members
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
    'a total by a rank that does not add it up',
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
  const [member] = createGroup(3, 'star').members
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
  'whatever parts come in a %s, they are taken, dropped or refused as bad-frame, and a total has all of its parts',
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
          const [member] = [createGroup(3, algorithm).members[rank]!]
          member.begin(0)
          let total: Float32Array | undefined
          void member.sum(new Float32Array(2 * pieceValues + 5).fill(1)).then(
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
          // Three pieces of two other ranks, or of a ring's one, cannot have come in fewer.
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
  'refused once its sum begins, and its rank named: %s',
  async (_, algorithm, from, part) => {
    const group = createGroup(2, algorithm)
    const [member] = group.members
    member!.begin(0)
    member!.receive(from, { call: 0, sum: 0 }, part)
    const sum = member!.sum(new Float32Array(4))
    expect(group.refused).toMatchObject([{ from, error: { code: 'bad-frame' } }])
    await expect(sum).rejects.toMatchObject({ code: 'bad-frame' })
  },
)

test('a rank that fills the room for early parts is refused, not the one that comes after it', () => {
  const group = createGroup(3, 'gather')
  const [member] = group.members
  member!.begin(0)
  const part = (length: number): Part => ({ kind: 'partial', chunk: 0, values: new Float32Array(length) })
  for (let sum = 0; sum < 8; sum += 1) member!.receive(2, { call: 9, sum }, part(2 ** 21 - 1))
  member!.receive(1, { call: 0, sum: 0 }, part(1024))
  expect(group.refused).toMatchObject([{ from: 2, error: { code: 'bad-frame' } }])
})

test('parts of sums that never begin do not fill memory', () => {
  const [member] = createGroup(2, 'gather').members
  member!.begin(0)
  const part = { kind: 'partial', chunk: 0, values: new Float32Array(2 ** 21) } as const
  const send = (sum: number): void => member!.receive(1, { call: 1, sum }, part)
  for (let sum = 0; sum < 8; sum += 1) send(sum)
  expect(() => send(8)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
})

test('a second part of a rank is refused', () => {
  const [member] = createGroup(3, 'gather').members
  member!.begin(0)
  member!.sum(new Float32Array(4)).catch(() => undefined)
  const part = { kind: 'partial', chunk: 0, values: new Float32Array(4) } as const
  member!.receive(1, { call: 0, sum: 0 }, part)
  expect(() => member!.receive(1, { call: 0, sum: 0 }, part)).toThrow('a second time')
})
