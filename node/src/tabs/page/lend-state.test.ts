import { expect, test } from 'vitest'
import { afterWord, blocksIn, firstState, isOn, memoryChoices, threadsFor } from './lend-state.ts'

const news = { phase: 'serving', peer: 'p', blocks: [3, 6], sessions: 1, reason: null } as const

test('a tab goes from the button to work, and to its end', () => {
  let state = firstState(2 ** 28)
  expect(isOn(state)).toBe(false)
  state = afterWord(state, { kind: 'step', step: 'connecting' })
  expect(isOn(state)).toBe(true)
  state = afterWord(state, { kind: 'news', news, model: 'demo', blockCount: 6 })
  state = afterWord(state, { kind: 'work', rows: 12, calls: 3, weightBytes: 99 })
  expect(state).toMatchObject({ phase: 'serving', blocks: [3, 6], rows: 12, weightBytes: 99 })
  const stopped = afterWord(state, { kind: 'over', reason: 'the tab has left', asked: true })
  expect(stopped).toMatchObject({ phase: 'left', reason: null, blocks: null, rows: 12 })
  const lost = afterWord(state, { kind: 'over', reason: 'the node is leaving', asked: false })
  expect(lost).toMatchObject({ phase: 'over', reason: 'the node is leaving' })
  expect([isOn(stopped), isOn(lost)]).toEqual([false, false])
})

test('what the node said of a failure stays when the connection ends', () => {
  const failed = afterWord(firstState(1), {
    kind: 'news',
    news: { ...news, phase: 'failed', reason: 'no memory for a block' },
    model: 'demo',
    blockCount: 6,
  })
  expect(afterWord(failed, { kind: 'over', reason: 'closed', asked: false }).reason).toBe(
    'no memory for a block',
  )
})

test.each([
  [undefined, [128, 256, 512, 1024], 512],
  [8, [128, 256, 512, 1024, 2048, 3072], 2048],
  [2, [128, 256, 512, 1024], 512],
  [0.25, [128], 128],
])('of a device with %s GiB', (gibi, choices, usual) => {
  const mebi = 2 ** 20
  expect(memoryChoices(gibi)).toEqual({ choices: choices.map((size) => size * mebi), usual: usual * mebi })
})

test('blocks of an address', () => {
  expect(blocksIn('?blocks=3:6')).toEqual([3, 6])
  expect(blocksIn('?blocks=all')).toBeNull()
  expect(blocksIn('')).toBeNull()
})

test.each<[string, number, boolean, number]>([
  ['', 8, false, 1],
  ['?threads=4', 8, false, 1],
  ['', 1, true, 1],
  ['', 2, true, 1],
  ['', 6, true, 3],
  ['', 64, true, 4],
  ['?threads=2', 2, true, 2],
  ['?threads=99', 2, true, 8],
  ['?threads=0', 4, true, 2],
  ['?threads=many', 4, true, 2],
])(
  'threads of a page with "%s" and %i processors, isolated: %s',
  (search, processors, isIsolated, threads) => {
    expect(threadsFor(search, processors, isIsolated)).toBe(threads)
  },
)
