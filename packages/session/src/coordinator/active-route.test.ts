import { expect, test } from 'vitest'
import { ActiveRoute } from './active-route.ts'
import type { OpenStage } from './opening/opening-stages.ts'

interface StageWish {
  readonly numericClass?: string
  readonly length?: number
  readonly lastStep?: number | null
  readonly journalFrom?: number
}

/** A stage that has opened the session; nothing is sent to it here. */
function openStage(peer: string, start: number, end: number, wish: StageWish = {}): OpenStage {
  const { numericClass = 'x', length = 0, lastStep = null, journalFrom = 0 } = wish
  return {
    stage: { peer, addresses: [], range: { start, end }, incarnation: 1, predictedStepMs: () => 1 },
    link: {
      outbox: { peer, closed: false, send: () => Promise.resolve(), post() {}, abort() {} },
      closeSession() {},
      release() {},
    },
    numericClass,
    ranks: 1,
    progress: { length, lastStep, journalFrom },
  }
}

const unmoved = { moved: null, repaired: false }

/** Two stages of two blocks, and three rows sent in two steps. */
function startRoute(): { route: ActiveRoute; first: OpenStage; second: OpenStage } {
  const route = new ActiveRoute({ hiddenSize: 2, tokenBudget: 16, wire: 'f32' })
  const [first, second] = [openStage('a', 0, 2), openStage('b', 2, 4)]
  route.install({ epoch: route.issueEpoch(), stages: [first, second], ...unmoved })
  route.append(Float32Array.of(1, 2, 3, 4), 'none')
  route.append(Float32Array.of(5, 6), 'last')
  return { route, first, second }
}

test('before the first version there is neither a route nor an epoch', () => {
  const route = new ActiveRoute({ hiddenSize: 2, tokenBudget: 16, wire: 'f32' })
  expect([route.route, route.epoch, route.paused]).toEqual([[], null, true])
  expect(route.issueEpoch()).toBe(0)
})

test('steps count up, and a rewind takes rows but no step numbers back', () => {
  const { route } = startRoute()
  expect(route.sent.steps).toEqual([
    { step: 0, position: 0, rows: 2, want: 'none' },
    { step: 1, position: 2, rows: 1, want: 'last' },
  ])
  route.rewind(1)
  expect(route.append(Float32Array.of(7, 8), 'all')).toEqual({ step: 2, position: 1, rows: 1, want: 'all' })
  expect(route.sent.length).toBe(2)
})

test('no epoch counts while another version is opened, and a failed attempt uses its epoch up', () => {
  const { route, first, second } = startRoute()
  expect(route.epoch).toBe(0)
  route.pause()
  expect([route.epoch, route.paused]).toEqual([null, true])
  expect([route.issueEpoch(), route.issueEpoch()]).toEqual([1, 2])
  route.install({ epoch: 2, stages: [first, second], ...unmoved })
  expect([route.epoch, route.paused]).toEqual([2, false])
})

test.each([
  [0, 'the one in use'],
  [3, 'one that was never issued'],
])('a version of epoch %i is refused: it is %s', (epoch) => {
  const { route, first, second } = startRoute()
  route.issueEpoch()
  expect(() => route.install({ epoch, stages: [first, second], ...unmoved })).toThrow(RangeError)
})

test('a repair drops the lost stage, keeps survivors and counts one failover', () => {
  const { route, first, second } = startRoute()
  const survivor = openStage('a', 0, 2, { length: 3, lastStep: 1 })
  const spare = openStage('c', 2, 4)
  const installed = route.install({
    epoch: route.issueEpoch(),
    stages: [survivor, spare],
    moved: null,
    repaired: true,
  })
  expect(installed).toEqual({ kept: [first], dropped: [second], keptRows: [3, 0], replaced: true })
  expect([route.failovers, route.moves]).toEqual([1, 0])
  expect(route.route.map(({ peer }) => peer)).toEqual(['a', 'c'])
})

test('a lost peer that comes back to the same blocks is kept, since its session there is the new one', () => {
  const { route, first, second } = startRoute()
  const again = [openStage('a', 0, 2), openStage('b', 2, 4)]
  const installed = route.install({
    epoch: route.issueEpoch(),
    stages: again,
    moved: null,
    repaired: true,
  })
  expect([installed.kept, installed.dropped]).toEqual([[first, second], []])
})

test('a move counts as a move, and as a failover only when another stage was lost with it', () => {
  const { route, first, second } = startRoute()
  const takeOver = openStage('c', 2, 4, { length: 3, lastStep: 1, journalFrom: 3 })
  const one = route.install({
    epoch: route.issueEpoch(),
    stages: [{ ...first, progress: { length: 3, lastStep: 1, journalFrom: 0 } }, takeOver],
    moved: second.stage,
    repaired: false,
  })
  expect([one.replaced, one.keptRows, route.failovers, route.moves]).toEqual([false, [3, 3], 0, 1])
  const other = route.install({
    epoch: route.issueEpoch(),
    stages: [openStage('d', 0, 2), openStage('e', 2, 4)],
    moved: takeOver.stage,
    repaired: false,
  })
  expect([other.replaced, route.failovers, route.moves]).toEqual([true, 1, 2])
})

test('a version with the same stages changes no counter', () => {
  const { route, first, second } = startRoute()
  const installed = route.install({ epoch: route.issueEpoch(), stages: [first, second], ...unmoved })
  expect([installed.replaced, route.failovers, route.moves]).toEqual([false, 0, 0])
})

test('a replacement of another numeric class makes the stream a continued one', () => {
  const { route, first } = startRoute()
  expect(route.continuity).toBe('identical')
  route.install({
    epoch: route.issueEpoch(),
    stages: [first, openStage('c', 2, 4, { numericClass: 'y' })],
    moved: null,
    repaired: true,
  })
  expect(route.continuity).toBe('continued')
  expect([...route.classes]).toEqual([
    [0, 'x'],
    [1, 'x'],
    [2, 'y'],
    [3, 'y'],
  ])
})
