import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quorumOf, Rings } from './rings.ts'

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `p${String(index).padStart(3, '0')}`)

function ringsOf(members: readonly string[]): Rings {
  const rings = new Rings('swarm')
  rings.set(members)
  return rings
}

describe('rings', () => {
  test.each([1, 2, 8, 9])('in a cell of %i everybody watches everybody', (count) => {
    const all = names(count)
    const rings = ringsOf(all)
    for (const peer of all) expect([...rings.neighbours(peer)]).toEqual(all.filter((other) => other !== peer))
  })

  test('in a larger cell a peer has at most eight neighbours, and watching goes both ways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 200 }), (count) => {
        const all = names(count)
        const rings = ringsOf(all)
        for (const peer of all) {
          const neighbours = rings.neighbours(peer)
          expect(neighbours.has(peer)).toBe(false)
          expect(neighbours.size).toBeGreaterThanOrEqual(2)
          expect(neighbours.size).toBeLessThanOrEqual(8)
          for (const other of neighbours) expect(rings.neighbours(other).has(peer)).toBe(true)
        }
      }),
      { numRuns: 10 },
    )
  })

  test('a peer that goes changes the neighbours of at most its own eight', () => {
    const all = names(64)
    const [before, after] = [ringsOf(all), ringsOf(all.filter((peer) => peer !== 'p007'))]
    const changed = all.filter(
      (peer) => peer !== 'p007' && [...before.neighbours(peer)].join() !== [...after.neighbours(peer)].join(),
    )
    expect(changed.sort()).toEqual([...before.neighbours('p007')].sort())
  })

  test('one that only observes gets the neighbours that it would have as a member', () => {
    const all = names(40)
    expect([...ringsOf(all.slice(1)).neighbours('p000')].sort()).toEqual(
      [...ringsOf(all).neighbours('p000')].sort(),
    )
  })

  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [5, 3],
    [6, 4],
    [7, 5],
    [8, 5],
  ])('of %i watchers %i votes end a life', (watchers, votes) => {
    expect(quorumOf(watchers)).toBe(votes)
  })
})
