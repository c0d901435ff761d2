import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { overShare, type Standing } from './shares.ts'

const GiB = 1024 ** 3

/** One owner after the other opens sessions of so many bytes until it is refused. @returns what each owner got */
function fill(roomBytes: number, owners: readonly { standing: Standing; bytes: number }[]): number[] {
  const held = owners.map(() => 0)
  for (const [index, { standing, bytes }] of owners.entries()) {
    for (;;) {
      const sum = held.reduce((total, one) => total + one, 0)
      const strangersBytes = held.reduce(
        (total, one, other) => total + (owners[other]?.standing === 'stranger' ? one : 0),
        0,
      )
      const ownBytes = held[index] ?? 0
      const tenancy = { roomBytes, wantedBytes: bytes, ownBytes, othersBytes: sum - ownBytes, strangersBytes }
      if (sum + bytes > roomBytes || overShare(standing, tenancy) !== null) break
      held[index] = ownBytes + bytes
    }
  }
  return held
}

test('a stranger gets half of 8 GiB, and a second one still opens a session', () => {
  const [first, second] = fill(8 * GiB, [
    { standing: 'stranger', bytes: GiB / 8 },
    { standing: 'stranger', bytes: GiB / 8 },
  ])
  expect(first).toBe(4 * GiB)
  expect(second).toBe(2 * GiB)
})

test('however many keys a stranger has, an eighth is left for members', () => {
  const strangers = Array.from({ length: 64 }, () => ({ standing: 'stranger' as const, bytes: GiB / 16 }))
  const held = fill(8 * GiB, [...strangers, { standing: 'member', bytes: GiB / 4 }])
  expect(held.slice(0, -1).reduce((sum, one) => sum + one, 0)).toBe(7 * GiB)
  expect(held.at(-1)).toBeGreaterThan(0)
})

test('this node itself may use all of its memory', () => {
  expect(fill(8 * GiB, [{ standing: 'self', bytes: GiB }])).toEqual([8 * GiB])
})

test('a node with room for one session serves whoever comes first', () => {
  expect(fill(GiB, [{ standing: 'stranger', bytes: GiB }])).toEqual([GiB])
})

test('an owner without a session is refused by no other owner’s share, unless it is a stranger', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (roomBytes, wantedBytes, othersBytes) => {
      const tenancy = { roomBytes, wantedBytes, ownBytes: 0, othersBytes, strangersBytes: 0 }
      expect(overShare('member', tenancy)).toBeNull()
    }),
  )
})
