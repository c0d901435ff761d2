import type { PeerStatus, ShownAnswer, SwarmStatus } from '@shoal/swarm'
import { expect, test } from 'vitest'
import { blocksWord, cellsOf, lossText, rangesText, transferText, weakSpots } from './peer-facts.ts'
import { emptySwarm, observe, tokensPerSecond, type SwarmPart, type SwarmState } from './swarm-state.ts'

const peer = (
  name: string,
  blocks: [number, number] | null,
  change: Partial<PeerStatus> = {},
): PeerStatus => ({
  peer: name,
  incarnation: 1,
  state: 'serving',
  liveness: 'alive',
  blocks,
  addresses: [],
  memoryBytes: 2 ** 30,
  decodeMsPerBlock: 1,
  numericClass: 'x64',
  version: '1',
  rttMs: null,
  links: {},
  sessions: 0,
  self: false,
  ...change,
})

const status = (peers: PeerStatus[], coverage: number[] = [1, 1]): SwarmStatus => ({
  model: 'demo',
  manifest: 'm',
  profile: 'f32',
  blockCount: 2,
  peers,
  coverage,
  covered: coverage.every((count) => count > 0),
  snapshotHash: '',
  planHash: '',
  placements: [],
})

const answer = (peers: string[], change: Partial<ShownAnswer> = {}): ShownAnswer => ({
  id: 1,
  promptTokens: 5,
  tokens: 0,
  route: peers.map((name, at) => ({ peer: name, start: at, end: at + 1, ranks: 1 })),
  failovers: 0,
  moves: 0,
  ...change,
})

const all = (...parts: SwarmPart[]): SwarmState =>
  parts.reduce((state, part, at) => observe(state, part, { nowMs: at * 100, wallMs: at }), emptySwarm)
const told = ({ happenings }: SwarmState): string[] => happenings.map(({ text }) => text)

test('the first state is no news', () => {
  expect(told(all({ name: 'status', value: status([peer('a', [0, 2])]) }))).toEqual([])
})

test('a loss is told when a peer is silent, again when it is given up, with what is missing', () => {
  const before = status([peer('a', [0, 1]), peer('b', [1, 2])])
  const silent = status([peer('a', [0, 1]), peer('b', [1, 2], { liveness: 'suspect' })])
  const dead = status([peer('a', [0, 1]), peer('b', [1, 2], { liveness: 'dead' })], [1, 0])
  const values = [before, silent, dead]
  expect(told(all(...values.map((value) => ({ name: 'status', value }) as const)))).toEqual([
    'b does not answer',
    'b is lost, with block 1',
    'the model is no longer complete',
  ])
})

test('a new path in the middle of an answer is told at once, and the lost peer is marked before the members know', () => {
  const state = all(
    { name: 'status', value: status([peer('a', [0, 1]), peer('b', [1, 2]), peer('c', [1, 2])]) },
    { name: 'answers', value: [answer(['a', 'b'], { tokens: 3 })] },
    { name: 'answers', value: [answer(['a', 'c'], { tokens: 3, failovers: 1 })] },
  )
  expect(told(state)).toEqual(['b was lost in the middle of an answer, which goes on over a → c'])
  expect([...state.lostOnRoute]).toEqual([['b', 200]])
  const known = observe(
    state,
    { name: 'status', value: status([peer('b', [1, 2], { liveness: 'dead' })]) },
    { nowMs: 300, wallMs: 3 },
  )
  expect([...known.lostOnRoute]).toEqual([])
})

test('a stage that leaves in order is no loss', () => {
  const state = all(
    { name: 'answers', value: [answer(['a', 'b'])] },
    { name: 'answers', value: [answer(['a', 'c'], { moves: 1 })] },
  )
  expect(told(state)).toEqual(['b left in the middle of an answer, which goes on over a → c'])
  expect(state.lostOnRoute.size).toBe(0)
})

test('the rate is that of the last seconds, also over the end of an answer', () => {
  const tokens = [0, 10, 20, 30].map(
    (count) => ({ name: 'answers', value: [answer(['a'], { tokens: count })] }) as const,
  )
  const state = all(...tokens, { name: 'answers', value: [answer(['a'], { id: 2, tokens: 10 })] })
  expect(tokensPerSecond(state, 400)).toBe(100)
  expect(
    tokensPerSecond(observe(state, { name: 'answers', value: [] }, { nowMs: 500, wallMs: 5 }), 500),
  ).toBe(0)
})

test('weak spots are blocks without a holder, with one, and weights that only one peer has', () => {
  const two = status([peer('a', [0, 1]), peer('b', [0, 1])], [2, 0])
  expect(weakSpots({ ...two, copies: { embedding: 1, blocks: [2, 1], head: 1 } })).toEqual({
    missing: [1],
    single: [],
    onlyCopy: [1],
  })
  expect(weakSpots(status([peer('a', [0, 2])])).single).toEqual([])
})

test('blocks are named by ranges, and share cells where there are many', () => {
  expect(rangesText([0, 1, 2, 5, 7, 8])).toBe('0–2, 5, 7–8')
  expect([blocksWord([3]), blocksWord([0, 1])]).toEqual(['block 3', 'blocks 0–1'])
  expect(cellsOf(126, 64)).toHaveLength(64)
  expect(cellsOf(3, 64)).toEqual([0, 1, 2].map((start) => ({ start, end: start + 1 })))
})

test('what was fetched from a peer is told with its size, and with what went wrong', () => {
  const transfer = { peer: 'a', receivedBytes: 2_098_176, wrongPieces: 0, failures: 0, barredForMs: 0 }
  expect(transferText(transfer)).toBe('a: 2.0 MiB')
  expect(transferText({ ...transfer, wrongPieces: 1, failures: 2, barredForMs: 900 })).toBe(
    'a: 2.0 MiB · 1 piece was wrong · 2 requests failed · not asked for another 1 s',
  )
})

test('the loss of a peer is told by what the others hold', () => {
  const [first, second, idle] = [peer('a', [0, 1]), peer('b', [0, 2]), peer('c', null)]
  const now = {
    ...status([first, second, idle]),
    coverage: [2, 1],
    copies: { embedding: 2, blocks: [2, 1], head: 2 },
  }
  expect([first, second, idle].map((each) => lossText(now, each))).toEqual([
    'others serve the same blocks: answers go on at once',
    'nobody else has the weights of block 1: they are lost with it',
    'serves no blocks: nothing changes',
  ])
  const copied = { ...now, copies: { embedding: 2, blocks: [2, 2], head: 2 } }
  expect(lossText(copied, second)).toBe(
    'answers wait until another peer that has or fetches a copy of their weights serves block 1',
  )
})
