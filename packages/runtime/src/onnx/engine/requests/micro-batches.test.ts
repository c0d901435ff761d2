import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchesOf, MicroBatches } from './micro-batches.ts'

test.each([
  ['nothing is known yet', 2, [], [], 1],
  ['the whole model, and a head', 1, [100], [20], 1],
  ['one of two stages', 2, [50], [55], 2],
  ['one of four stages', 4, [25], [80], 4],
  ['one of two stages, the other of which has the head', 2, [40], [75], 2],
  ['the longer one of two stages', 1.6, [50], [60], 2],
  ['the shorter one of two stages, where steps wait for the other', 2.7, [30], [110], 2],
  ['links on which most of the time passes', 4, [10], [190], 1],
  ['a stage that is slower than all others together', 2, [90], [30], 1],
  ['a stage that is faster than all others', 2, [4], [130], 1],
  ['one answer that paused for a minute', 2, [50, 50, 50], [50, 50, 60_000], 2],
])('%s', (_, stages, callMs, awayMs, batches) => {
  expect(batchesOf(callMs, awayMs, stages)).toBe(batches)
})

test('steps beside a part of a prompt are all computed with it', () => {
  const batches = measured(50, 50)
  const waiting = [{ session: 'prompt', rows: 128 }, ...answers(6)]
  expect(batches.choose('1 0:8', 8, waiting)).toEqual(waiting.map(() => true))
})

test('half of the answers are taken at one of two stages, and the oldest first', () => {
  const batches = measured(50, 50)
  expect(batches.choose('1 0:8', 8, answers(5))).toEqual([true, true, true, false, false])
  // The two that are left are half of the five that are known.
  expect(batches.choose('1 0:8', 8, answers(5).slice(3))).toEqual([true, true])
  expect(batches.choose('2 0:8', 8, answers(5))).toEqual(answers(5).map(() => true))
})

test('a call takes at least the oldest step, and never a step that does not wait', () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), fc.integer({ min: 1, max: 40 }), (callMs, awayMs, count) => {
      const chosen = measured(callMs, awayMs).choose('1 0:8', 8, answers(count))
      expect(chosen).toHaveLength(count)
      expect(chosen[0]).toBe(true)
    }),
  )
})

test.each([
  [2, 16],
  [4, 16],
  [4, 6],
])('%s equal stages with %s answers work side by side', (stages, count) => {
  // A call of one row takes 14 ms, and each further row 4 ms: half of a 1B model.
  const callMs = (rows: number): number => 14 + 4 * (rows - 1)
  const gathered = tokensPerSecond(stages, count, callMs, () => null)
  const cut = tokensPerSecond(stages, count, callMs, () => new MicroBatches(stages))
  expect(cut / gathered).toBeGreaterThan(1.3)
})

test('a slow stage beside a fast one is not made slower', () => {
  const callMs = (rows: number, stage: number): number => (stage === 0 ? 100 + 2 * rows : 2 + rows / 8)
  const gathered = tokensPerSecond(2, 16, callMs, () => null)
  const cut = tokensPerSecond(2, 16, callMs, () => new MicroBatches(2))
  expect(cut / gathered).toBeGreaterThan(0.95)
})

function answers(count: number): { session: string; rows: number }[] {
  return Array.from({ length: count }, (_, index) => ({ session: `${index}`, rows: 1 }))
}

function measured(callMs: number, awayMs: number): MicroBatches {
  const batches = new MicroBatches(16)
  const [one] = answers(1)
  batches.computed('1 0:8', [one!], callMs, 0)
  batches.arrived('1 0:8', one!.session, awayMs)
  return batches
}

/** Answers in a ring of stages in virtual time, which all begin at the first one. */
function tokensPerSecond(
  stages: number,
  count: number,
  callMs: (rows: number, stage: number) => number,
  create: () => MicroBatches | null,
): number {
  const ring = Array.from({ length: stages }, () => ({
    batches: create(),
    waiting: [] as string[],
    call: [] as string[],
    endsAtMs: Number.POSITIVE_INFINITY,
    startedAtMs: 0,
  }))
  let [nowMs, tokens] = [0, 0]
  const arrive = (stage: number, session: string): void => {
    ring[stage]!.batches?.arrived('', session, nowMs)
    ring[stage]!.waiting.push(session)
  }
  for (const { session } of answers(count)) arrive(0, session)
  while (nowMs < 60_000) {
    for (const [index, stage] of ring.entries()) {
      if (stage.call.length > 0 || stage.waiting.length === 0) continue
      const waiting = stage.waiting.map((session) => ({ session, rows: 1 }))
      const chosen = stage.batches?.choose('', 1, waiting) ?? waiting.map(() => true)
      stage.call = stage.waiting.filter((_, at) => chosen[at] === true)
      stage.waiting = stage.waiting.filter((_, at) => chosen[at] !== true)
      stage.startedAtMs = nowMs
      stage.endsAtMs = nowMs + callMs(stage.call.length, index)
    }
    nowMs = Math.min(...ring.map(({ endsAtMs }) => endsAtMs))
    for (const [index, stage] of ring.entries()) {
      if (stage.endsAtMs > nowMs) continue
      const call = stage.call.map((session) => ({ session, rows: 1 }))
      stage.batches?.computed('', call, nowMs - stage.startedAtMs, nowMs)
      stage.endsAtMs = Number.POSITIVE_INFINITY
      stage.call = []
      for (const { session } of call) arrive((index + 1) % stages, session)
      if (index === stages - 1) tokens += call.length
    }
  }
  return (tokens * 1000) / nowMs
}
