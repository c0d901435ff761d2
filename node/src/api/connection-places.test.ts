import { expect, test } from 'vitest'
import { ConnectionPlaces, type Leavable } from './connection-places.ts'

/** Four places, and the names of the connections that had to leave. */
function setUp() {
  const left: string[] = []
  const places = new ConnectionPlaces<Leavable>(4)
  const enter = (name: string, network: string): Leavable => {
    const place = { destroy: () => left.push(name) }
    places.enter(place, network)
    return place
  }
  return { left, places, enter }
}

test('the address with the most connections makes way for another one, oldest idle connection first', () => {
  const { left, places, enter } = setUp()
  const first = enter('first', 'flood')
  places.use(first, 'uploading')
  enter('second', 'flood')
  enter('third', 'flood')
  enter('honest', 'home')
  enter('another', 'home')
  expect(left).toEqual(['second'])
  enter('yet another', 'elsewhere')
  expect(left).toEqual(['second', 'third'])
})

test('requests that do not come whole make way when nobody is idle, and answers never do', () => {
  const { left, places, enter } = setUp()
  for (const name of ['a', 'b', 'c', 'd'])
    places.use(enter(name, 'flood'), name === 'c' ? 'uploading' : 'answered')
  enter('honest', 'home')
  expect(left).toEqual(['c'])
  const kept = enter('a newcomer', 'home')
  expect(left).toEqual(['c', 'honest'])
  places.use(kept, 'answered')
  enter('one too many', 'elsewhere')
  expect(left).toEqual(['c', 'honest', 'one too many'])
})

test('who leaves frees a place', () => {
  const { left, places, enter } = setUp()
  const first = enter('first', 'home')
  for (const name of ['second', 'third', 'fourth']) enter(name, 'home')
  places.leave(first)
  enter('fifth', 'home')
  expect(left).toEqual([])
})
