import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { placeTexts } from './label-places.ts'
import { cardSize, curve, layoutMap, legsOf, type Leg, type Place } from './layout.ts'

const text = '4.7 ms · 934 Mbit/s'

/** How far a curve's points are from the middle of a text, where they are within its letters; null where none is. */
function crossed(legs: readonly Leg[], places: ReadonlyMap<string, Place>, { x, y }: Place): Leg | null {
  for (const leg of legs) {
    const { at } = curve(places.get(leg.from)!, places.get(leg.to)!)
    for (let share = 0; share <= 1; share += 0.002) {
      const point = at(share)
      if (Math.abs(point.x - x) < text.length * 3 && Math.abs(point.y - y) < 6) return leg
    }
  }
  return null
}

const pairsOf = (legs: readonly Leg[]): Leg[] => [
  ...new Map(legs.map((leg) => [[leg.from, leg.to].sort().join(' '), leg])).values(),
]

test('on a wide screen texts lie beside the legs, and on no leg, card or other text, for every path that goes round once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }).chain((count) =>
        fc.record({
          count: fc.constant(count),
          route: fc.subarray(
            Array.from({ length: count }, (_, index) => `peer-${index}`),
            { minLength: 1, maxLength: Math.min(count, 3) },
          ),
        }),
      ),
      ({ count, route }) => {
        const peers = Array.from({ length: count }, (_, index) => `peer-${index}`)
        const layout = layoutMap('me', peers, true)
        const legs = legsOf(
          'me',
          route.map((peer) => ({ peer })),
        )
        const placed = placeTexts(
          layout,
          legs,
          pairsOf(legs).map((leg) => ({ ...leg, text })),
        )
        expect(placed).toHaveLength(pairsOf(legs).length)
        for (const { at } of placed) {
          expect(crossed(legs, layout.places, at)).toBe(null)
          for (const card of layout.places.values())
            expect(
              Math.abs(at.x - card.x) < cardSize.width / 2 + text.length * 3 &&
                Math.abs(at.y - card.y) < cardSize.height / 2 + 6,
            ).toBe(false)
          expect(at.x > 0 && at.x < layout.width && at.y > 0 && at.y < layout.height).toBe(true)
        }
        for (const [index, { at }] of placed.entries())
          for (const other of placed.slice(index + 1))
            expect(Math.abs(at.x - other.at.x) < text.length * 6 && Math.abs(at.y - other.at.y) < 12).toBe(
              false,
            )
      },
    ),
    { seed: 15, numRuns: 300 },
  )
})

test('a text whose leg is not drawn is left out', () => {
  const layout = layoutMap('me', ['a'], true)
  expect(placeTexts(layout, [], [{ from: 'me', to: 'gone', text }])).toEqual([])
})
