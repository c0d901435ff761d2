import { expect, test } from 'vitest'
import { RequestOrder, type PlacedRequest, type RequestPlace } from './request-order.ts'

interface Named extends PlacedRequest {
  readonly name: string
}

const rows = (group: string, lane: string | null, together = true): RequestPlace => ({
  kind: 'rows',
  group,
  lane,
  together,
})

/** @returns the names of what is answered, round by round */
function rounds(places: Readonly<Record<string, RequestPlace>>): string[] {
  const order = new RequestOrder<Named>()
  for (const [name, place] of Object.entries(places)) order.add({ name, place })
  const answered: string[] = []
  while (order.size > 0) {
    const next = order.next()
    expect(next.length).toBeGreaterThan(0)
    answered.push(next.map(({ name }) => name).join(' '))
    for (const request of next) order.remove(request)
  }
  return answered
}

test('the first rows of each session are computed together, and later ones after them', () => {
  expect(rounds({ a1: rows('s', 'a'), b1: rows('s', 'b'), a2: rows('s', 'a'), c1: rows('s', 'c') })).toEqual([
    'a1 b1 c1',
    'a2',
  ])
})

test('what changes a session keeps its place among the rows of that session only', () => {
  const places: Record<string, RequestPlace> = {
    a1: rows('s', 'a'),
    cutA: { kind: 'session', lane: 'a' },
    a2: rows('s', 'a'),
    closeB: { kind: 'session', lane: 'b' },
    c1: rows('s', 'c'),
  }
  expect(rounds(places)).toEqual(['closeB', 'a1 c1', 'cutA', 'a2'])
})

test('a barrier follows everything before it and precedes everything after it', () => {
  expect(rounds({ a1: rows('s', 'a'), load: { kind: 'barrier' }, b1: rows('s', 'b') })).toEqual([
    'a1',
    'load',
    'b1',
  ])
})

test('spans and the head take turns, and ranks make one call after the other', () => {
  const places: Record<string, RequestPlace> = {
    a1: rows('s', 'a'),
    r1: rows('r', 'r', false),
    r2: rows('r', 'r', false),
    a2: rows('s', 'a'),
    a3: rows('s', 'a'),
    logits1: rows('head', null),
    logits2: rows('head', null),
  }
  expect(rounds(places)).toEqual(['a1', 'r1', 'logits1 logits2', 'a2', 'r2', 'a3'])
})
