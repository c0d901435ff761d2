import { seededRandom } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { createRelays } from './relays.ts'
import type { MemberRecord } from '../records/record.ts'

/** Records that say these links, each by both of its ends. */
function recordsOf(
  names: readonly string[],
  linked: (a: string, b: string) => boolean,
): (peer: string) => MemberRecord | undefined {
  const links = (peer: string): Record<string, number> =>
    Object.fromEntries(
      names.filter((other) => other !== peer && linked(peer, other)).map((other) => [other, 1000]),
    )
  const records = new Map(
    names.map((peer) => [peer, { peerId: peer, links: links(peer) } as unknown as MemberRecord]),
  )
  return (peer) => records.get(peer)
}

const names = Array.from({ length: 24 }, (_, index) => `peer-${index}`)

/** A ring with chords: everybody has some links, nobody has all. */
function sparse(a: string, b: string): boolean {
  const apart = Math.abs(names.indexOf(a) - names.indexOf(b))
  return [1, 2, 5, 7, 17, 19, 22, 23].includes(apart)
}

describe('relays', () => {
  test('in a full mesh no peer passes a beat on', () => {
    const recordOf = recordsOf(names, () => true)
    for (const self of names.slice(1)) {
      expect(
        createRelays(self, recordOf).share(
          'peer-0',
          1,
          names.filter((name) => name !== self && name !== 'peer-0'),
        ),
      ).toEqual({ unserved: [], appointed: [] })
    }
  })

  test.each([
    { beat: 1, copies: 2 },
    { beat: 3, copies: 2 },
    { beat: 4, copies: 1 },
    { beat: 5, copies: 0 },
    { beat: 1000, copies: 1 },
  ])(
    'beat $beat comes $copies times to each that has a neighbour in common with its owner',
    ({ beat, copies }) => {
      const recordOf = recordsOf(names, sparse)
      for (const owner of names) {
        const came = new Map<string, number>()
        for (const self of names.filter((name) => name !== owner)) {
          const others = names.filter((name) => name !== owner && sparse(self, name))
          for (const other of createRelays(self, recordOf).share(owner, beat, others).appointed)
            came.set(other, (came.get(other) ?? 0) + 1)
        }
        for (const other of names) {
          if (other === owner || sparse(owner, other)) continue
          const between = names.filter((name) => sparse(name, owner) && sparse(name, other))
          expect(came.get(other) ?? 0, `${owner} to ${other}`).toBe(Math.min(copies, between.length))
        }
      }
    },
  )

  test('the appointed relay changes from beat to beat', () => {
    const recordOf = recordsOf(names, sparse)
    const relays = createRelays('peer-5', recordOf)
    const served = Array.from(
      { length: 100 },
      (_, index) => relays.share('peer-0', 4 + 2 * index, ['peer-10']).appointed.length,
    )
    const duties = served.filter((count) => count > 0).length
    expect(duties).toBeGreaterThan(10)
    expect(duties).toBeLessThan(90)
  })

  test('a peer without links, or with links that the other end does not announce, is served at random', () => {
    const random = seededRandom(3)
    const oneSided = recordsOf(names, (a, b) => a < b && random.unit() < 0.5)
    const share = createRelays('peer-1', oneSided).share('peer-0', 4, ['peer-2', 'peer-3', 'stranger'])
    expect(share).toEqual({ unserved: ['peer-2', 'peer-3', 'stranger'], appointed: [] })
  })
})
