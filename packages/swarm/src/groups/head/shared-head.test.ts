import { createVirtualClock } from '@shoal/host'
import { splitVocabulary } from '@shoal/model'
import type { HeadRunner } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { isWorthAsking, timeHead, type HeadPart } from './head-parts.ts'
import { createSharedHead } from './shared-head.ts'

const hiddenSize = 2
const vocabularySize = 400

/** The value of a logit names its row and token. */
const logit = (row: number, token: number): number => row * 1000 + token

function partHead(start: number, end: number, asked: () => void): HeadRunner {
  return {
    async logits(hidden, into) {
      asked()
      const rows = hidden.length / hiddenSize
      const logits: Float32Array =
        into?.subarray(0, rows * (end - start)) ?? new Float32Array(rows * (end - start))
      for (let index = 0; index < logits.length; index += 1)
        logits[index] = logit(Math.floor(index / (end - start)), start + (index % (end - start)))
      return logits
    },
    release: () => Promise.resolve(),
  }
}

const here: number[] = []
const parts: readonly HeadPart[] = splitVocabulary(vocabularySize, [1, 1, 1]).map(({ start, end }, rank) => ({
  rank,
  vocabulary: { start, end },
  head: partHead(start, end, () => here.push(rank)),
  ms: 5,
}))
const whole = (rows: number): Float32Array =>
  Float32Array.from({ length: rows * vocabularySize }, (_, index) =>
    logit(Math.floor(index / vocabularySize), index % vocabularySize),
  )
const from = (rank: number, rows: number): Promise<Float32Array> =>
  partHead(parts[rank]!.vocabulary.start, parts[rank]!.vocabulary.end, () => undefined).logits(
    new Float32Array(rows * hiddenSize),
  )

/** What a rank does when it is asked; ranks count from 1. */
type Answer = (rows: number) => Promise<Float32Array> | null
const answers: readonly (readonly [string, readonly Answer[], readonly number[]])[] = [
  ['both ranks', [(rows) => from(1, rows), (rows) => from(2, rows)], [0]],
  ['a lost rank', [(rows) => from(1, rows), () => Promise.reject(new Error('gone'))], [0, 2]],
  ['a rank that has no part loaded', [() => null, (rows) => from(2, rows)], [0, 1]],
]

test.each(answers)('logits are whole with %s', async (_, ranks, computedHere) => {
  const head = createSharedHead({
    hiddenSize,
    vocabularySize,
    parts,
    group: () => ({
      share: () => undefined,
      logits: (rank, hidden) => ranks[rank - 1]?.(hidden.length / hiddenSize) ?? null,
    }),
  })
  for (const rows of [1, 2]) {
    here.length = 0
    expect(await head.logits(new Float32Array(rows * hiddenSize))).toEqual(whole(rows))
    expect(here.toSorted((a, b) => a - b)).toEqual(computedHere)
    const into = new Float32Array(new SharedArrayBuffer(4 * 3 * vocabularySize))
    const given = await head.logits(new Float32Array(rows * hiddenSize), into)
    expect(given.buffer).toBe(into.buffer)
    expect([...given]).toEqual([...whole(rows)])
  }
})

test('a failed part is reported only when nothing is written to the given buffer any more', async () => {
  const late = Promise.withResolvers<void>()
  const slow: HeadRunner = {
    async logits(hidden, into) {
      await late.promise
      return parts[1]!.head.logits(hidden, into)
    },
    release: () => Promise.resolve(),
  }
  const broken: HeadRunner = {
    logits: () => Promise.reject(new Error('broken')),
    release: () => Promise.resolve(),
  }
  const head = createSharedHead({
    hiddenSize,
    vocabularySize,
    parts: [{ ...parts[0]!, head: broken }, { ...parts[1]!, head: slow }, parts[2]!],
    group: () => null,
  })
  const into = new Float32Array(new SharedArrayBuffer(4 * vocabularySize))
  let reported = false
  const failed = head.logits(new Float32Array(hiddenSize), into).catch((error: unknown) => {
    reported = true
    return error
  })
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  expect(reported).toBe(false)
  late.resolve()
  expect(await failed).toMatchObject({ message: 'broken' })
})

test('without a group all parts are computed by this node', async () => {
  here.length = 0
  expect(
    await createSharedHead({ hiddenSize, vocabularySize, parts, group: () => null }).logits(
      new Float32Array(hiddenSize),
    ),
  ).toEqual(whole(1))
  expect(here.toSorted((a, b) => a - b)).toEqual([0, 1, 2])
})

test.each([
  ['a near rank of a large head', 3, { roundTripMs: 0.1, msPerByte: 1e-6 }, true],
  ['a near rank of a small head', 0.3, { roundTripMs: 0.1, msPerByte: 1e-6 }, false],
  ['a rank behind 50 Mbit/s', 6, { roundTripMs: 3, msPerByte: 1.6e-4 }, false],
])('%s is worth asking: %s', (_, ms, costs, expected) => {
  expect(isWorthAsking({ vocabulary: { start: 0, end: 64_128 }, ms }, 2048, { ...costs, parallel: 2 })).toBe(
    expected,
  )
})

test('the time of a part is that of its second row', async () => {
  const clock = createVirtualClock()
  let calls = 0
  const ms = await timeHead(
    clock,
    {
      async logits() {
        calls += 1
        clock.advance(calls === 1 ? 100 : 3)
        return new Float32Array()
      },
      release: () => Promise.resolve(),
    },
    hiddenSize,
  )
  expect(ms).toBe(3)
})
