import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memberLimits } from '../limits.ts'
import { changeOfLinks, createLinkAnnouncer, linksToAnnounce, nearMicros, type Links } from './links.ts'

describe('links that an owner announces', () => {
  test.each([
    ['a near link has one value', 130, undefined, 500],
    ['another near link has the same value', 900, undefined, 500],
    ['a longer link has its measured value', 20_123, undefined, 20_123],
    ['jitter changes no announced value', 22_900, 20_123, 20_123],
    ['a busy machine does not make a near link a far one', 1900, 500, 500],
    ['a link that became worse', 2100, 500, 2100],
    ['a far one that became worse', 26_000, 20_123, 26_000],
    ['a first guess that was too high', 17_000, 20_123, 17_000],
    ['a first guess that was a little too high', 600, 1400, 1400],
    ['a far one that came near', 300, 20_123, 500],
  ] as const)('%s', (_name, measured, said, expected) => {
    expect(linksToAnnounce({ b: measured }, said === undefined ? {} : { b: said })).toEqual({ b: expected })
  })

  test('a link that is gone is not announced, whatever was announced before', () => {
    expect(linksToAnnounce({ c: 5000 }, { b: 7000, c: 5000 })).toEqual({ c: 5000 })
  })

  test('when there are too many links, those announced before stay', () => {
    const crowd = (count: number, micros: number): Record<string, number> =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, micros]))
    const first = linksToAnnounce(crowd(memberLimits.maxLinks, 9000), {})
    expect(Object.keys(first)).toHaveLength(memberLimits.maxLinks)
    const nearer = { ...crowd(memberLimits.maxLinks, 9000), newcomer: 300 }
    expect(changeOfLinks(linksToAnnounce(nearer, first), first)).toBeNull()
    expect(linksToAnnounce(nearer, {})).toMatchObject({ newcomer: 500 })
  })

  const micros = fc.integer({ min: 1, max: 300_000 })

  test('an announced value is near the measured one', () => {
    fc.assert(
      fc.property(micros, fc.option(micros, { nil: undefined }), (measured, said) => {
        const told = linksToAnnounce({ b: measured }, said === undefined ? {} : { b: said })['b']!
        expect(Math.abs(told - measured)).toBeLessThanOrEqual(Math.max(1500, 0.25 * Math.max(told, measured)))
      }),
    )
  })

  test('a second announcement of the same reading changes nothing', () => {
    fc.assert(
      fc.property(micros, micros, (measured, said) => {
        const once = linksToAnnounce({ b: measured }, { b: said })
        expect(linksToAnnounce({ b: measured }, once)).toEqual(once)
      }),
    )
  })

  test('readings within a fifth of the smallest one change the announced value at most once', () => {
    const readings = micros.chain((least) =>
      fc.array(fc.integer({ min: least, max: Math.ceil(least * 1.2) }), { minLength: 2, maxLength: 30 }),
    )
    fc.assert(
      fc.property(readings, (sequence) => {
        let said = linksToAnnounce({ b: sequence[0]! }, {})
        let changes = 0
        for (const reading of sequence) {
          const next = linksToAnnounce({ b: reading }, said)
          if (next['b'] !== said['b']) changes += 1
          said = next
        }
        expect(changes).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('a link that improves steadily is announced less and less often; a new link is announced soon', () => {
    const announcer = createLinkAnnouncer()
    let said: Links = {}
    const told: number[] = []
    for (let beat = 1; beat <= 200; beat += 1) {
      const measured: Links = { b: Math.round(1_000_000 * 0.97 ** beat), ...(beat > 150 && { c: 30_000 }) }
      const next = announcer.next(measured, said)
      if (next === null) continue
      told.push(beat)
      said = next
    }
    expect(told).toEqual([2, 12, 32, 72, 152, 162, 182])
    expect(Object.keys(said)).toEqual(['b', 'c'])
  })

  test('unchanged links are not announced again', () => {
    const announcer = createLinkAnnouncer()
    const said = { b: 500 }
    for (let beat = 0; beat < 100; beat += 1) expect(announcer.next({ b: 100 + beat * 10 }, said)).toBeNull()
  })

  test('near is below a millisecond', () => {
    expect(linksToAnnounce({ a: nearMicros - 1, b: nearMicros }, {})).toEqual({ a: 500, b: nearMicros })
  })
})

test.each([
  [{ a: 1 }, { a: 1 }, null],
  [{ a: 1 }, { a: 1, b: 2 }, 'lost'],
  [{ a: 1, b: 2 }, { a: 1 }, 'found'],
  [{ a: 1, c: 2 }, { a: 1, b: 2 }, 'lost'],
  [{ a: 2 }, { a: 1 }, 'moved'],
  [{}, {}, null],
] as const)('%j after %j: %s', (said, before, change) => {
  expect(changeOfLinks(said, before)).toBe(change)
})
