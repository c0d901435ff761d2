import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cardSize, curve, layoutMap, legsOf, linkPairs } from './layout.ts'

describe('the layout of the map', () => {
  test('two others stand in the upper corners, and this node below, so that the path is a triangle', () => {
    const { places } = layoutMap('me', ['a', 'b'], true)
    expect([...places]).toEqual([
      ['me', { x: 430, y: 265 }],
      ['a', { x: 92, y: 55 }],
      ['b', { x: 768, y: 55 }],
    ])
  })

  test('cards never overlap, and nothing leaves the picture', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.boolean(), (count, wide) => {
        const around = Array.from({ length: count }, (_, index) => `peer-${index}`)
        const { places, form, width, height } = layoutMap('me', around, wide)
        expect(places.size).toBe(count + 1)
        const all = [...places.values()]
        for (const { x, y } of all) {
          expect(x > 0 && x < width && y > 0 && y < height).toBe(true)
        }
        if (form === 'dot') return
        all.forEach((one, index) => {
          for (const other of all.slice(index + 1)) {
            const apart =
              Math.abs(one.x - other.x) >= cardSize.width || Math.abs(one.y - other.y) >= cardSize.height
            expect(apart, `${count} peers`).toBe(true)
          }
        })
      }),
    )
  })
})

test('a path goes from this node through the stages and back', () => {
  const route = ['a', 'a', 'b'].map((peer) => ({ peer }))
  expect(legsOf('me', route)).toEqual([
    { from: 'me', to: 'a' },
    { from: 'a', to: 'b' },
    { from: 'b', to: 'me' },
  ])
  expect(legsOf('me', [{ peer: 'me' }])).toEqual([])
})

test('the ways there and back are two curves', () => {
  const [a, b] = [
    { x: 0, y: 0 },
    { x: 100, y: 0 },
  ]
  expect(curve(a, b).at(0.5)).toEqual({ x: 50, y: -6 })
  expect(curve(b, a).at(0.5)).toEqual({ x: 50, y: 6 })
})

test('a link that both sides have measured is drawn once, and none to peers that are not shown', () => {
  const peers = [
    { peer: 'a', links: { b: {}, stranger: {} } },
    { peer: 'b', links: { a: {} } },
  ]
  expect(linkPairs(peers)).toEqual([{ from: 'a', to: 'b' }])
})
