import { seededRandom, ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Collective } from './collective.ts'
import { algorithms } from './exchange.ts'
import { pieceValues } from './pieces.ts'
import { createJoinedRanks, settled } from './testing/joined-ranks.ts'

/** The expected sum, element by element. */
const inRankOrder = (parts: readonly Float32Array[]): Float32Array =>
  Float32Array.from(parts[0]!, (_, index) =>
    parts.map((part) => part[index]!).reduce((sum, value) => Math.fround(sum + value)),
  )
const hex = (sum: Float32Array): string => Buffer.from(sum.buffer).toString('hex')

const values = (seed: number, length: number): Float32Array => {
  const random = seededRandom(seed)
  return Float32Array.from({ length }, () => random.unit() * 1000 - 500)
}

describe.each(algorithms)('%s', (algorithm) => {
  test('every rank gets the sum in rank order, in whatever order parts arrive, for several sums', async () => {
    const cases = fc.record({
      ranks: fc.integer({ min: 1, max: 5 }),
      length: fc.constantFrom(1, 7, 8192, 20_000, pieceValues + 1, 5 * pieceValues - 3),
      seed: fc.integer(),
      sums: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ ranks, length, seed, sums }) => {
        const group = createJoinedRanks(ranks, algorithm)
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
        // The memory of all parts was freed, and not left to the garbage collector.
        expect(group.delivered.filter(({ byteLength }) => byteLength >= 4096)).toEqual([])
      }),
      { numRuns: 25 },
    )
  })

  test('when a rank dies at any point, every survivor completes its sums or fails by the deadline', async () => {
    const cases = fc.record({
      ranks: fc.integer({ min: 2, max: 4 }),
      dead: fc.nat(),
      after: fc.integer({ min: 0, max: 14 }),
      seed: fc.integer(),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ ranks, dead, after, seed }) => {
        const group = createJoinedRanks(ranks, algorithm)
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

test('a missed deadline names the missing ranks, and the next call succeeds', async () => {
  const group = createJoinedRanks(3, 'gather', 250)
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

test('a failed call fails its sums, and its later parts are dropped', async () => {
  const group = createJoinedRanks(2, 'gather')
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
