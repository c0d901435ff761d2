import type { MembersMessage } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { Tree } from './tree.ts'

const news = { type: 'words', pushed: true, words: [Uint8Array.of(1)] } as const

function setUp(ids: readonly string[]): { tree: Tree; sent: string[] } {
  const sent: string[] = []
  const send = (peer: string, message: MembersMessage): void =>
    void sent.push(`${peer} ${message.type === 'prune' ? (message.lazy ? 'prune' : 'graft') : message.type}`)
  return { tree: new Tree({ ids: () => ids, send }, () => new Set(['r'])), sent }
}

test('news goes to all neighbours but its sender and those that have it from others', () => {
  const { tree, sent } = setUp(['a', 'b', 'c'])
  tree.setLazy('b', true)
  tree.push(news, 'a')
  tree.setLazy('b', false)
  tree.push(news)
  expect(sent).toEqual(['c words', 'a words', 'b words', 'c words'])
})

test('a neighbour that only repeats exchanges no more news with this one, except along the first ring', () => {
  const { tree, sent } = setUp(['a', 'b', 'r'])
  for (const peer of ['a', 'a', 'r']) tree.repeated(peer)
  tree.push(news)
  expect(sent).toEqual(['a prune', 'b words', 'r words'])
})

test('when a path breaks, all others are asked again; so is a neighbour that comes to be on the first ring', () => {
  const { tree, sent } = setUp(['a', 'b', 'c', 'r'])
  tree.repeated('a')
  tree.repeated('b')
  tree.lost('a')
  expect(sent).toEqual(['a prune', 'b prune'])
  tree.lost('c')
  tree.setLazy('r', true)
  tree.turn()
  expect(sent.slice(2)).toEqual(['b graft', 'r graft'])
})

test('words ride on the next beat, once', () => {
  const { tree } = setUp(['a', 'b'])
  tree.setLazy('b', true)
  tree.ride([Uint8Array.of(1)])
  tree.ride([Uint8Array.of(2)], 'a')
  expect(tree.waiting()).toEqual(['a'])
  expect(tree.takeRiding('a')).toEqual([Uint8Array.of(1)])
  expect(tree.takeRiding('a')).toEqual([])
})
