import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Step } from '@shoal/protocol'
import { createFakeRunner, type FakeRunner } from '@shoal/runtime/testing'
import type { Pushed } from './session-output.ts'
import { StageSession, type StageSessionOptions } from './stage-session.ts'
import { ComputeTurns } from '../turns/compute-turns.ts'
import { StepQueue } from './step-queue.ts'

const hiddenSize = 4
const tokenBudget = 40

interface Bench {
  readonly runner: FakeRunner
  readonly session: StageSession
  readonly pushed: { frame: Pushed; rows: Float32Array }[]
  readonly failed: { step: number | null; code: string; message: string; definite: boolean }[]
}

async function createBench(output: Partial<StageSessionOptions['output']> = {}): Promise<Bench> {
  const runner = createFakeRunner({ start: 2, end: 4 }, hiddenSize)
  const pushed: Bench['pushed'] = []
  const failed: Bench['failed'] = []
  await runner.open('s/2', tokenBudget)
  const session = new StageSession(
    {
      key: 's/2',
      owner: 'coordinator',
      runner,
      output: {
        async push(_version, frame, rows) {
          const parts = rows()
          pushed.push({ frame, rows: Float32Array.from(parts.flatMap((part) => [...part])) })
        },
        fail: (_epoch, failure) => void failed.push(failure),
        cannotPush: ({ next }, step) =>
          void failed.push({
            step,
            code: 'peer-vanished',
            message: `cannot push to ${next.peer}`,
            definite: false,
          }),
        ...output,
      },
      tokenBudget,
      epoch: 1,
      previous: 'before',
      next: { peer: 'after', addresses: [], coordinator: false },
    },
    { steps: new StepQueue(), turns: new ComputeTurns() },
  )
  return { runner, session, pushed, failed }
}

const step = (change: Partial<Step>): Step => ({
  type: 'step',
  session: 's',
  start: 2,
  epoch: 1,
  position: 0,
  rows: 1,
  step: 0,
  rewind: false,
  want: 'last',
  ...change,
})
/** Rows that tell which frame they came in. */
const inputOf = (tag: number, rows: number): Float32Array =>
  Float32Array.from({ length: rows * hiddenSize }, (_, i) => Math.sin(tag * 31 + i))

async function computeAfresh(inputs: readonly Float32Array[]): Promise<Float32Array> {
  const runner = createFakeRunner({ start: 2, end: 4 }, hiddenSize)
  await runner.open('s', tokenBudget)
  const all = Float32Array.from(inputs.flatMap((row) => [...row]))
  return all.length === 0 ? all : runner.forward('s', 0, all)
}

test('duplicate, stale, skipped, late and rewinding frames: the rows are those of the accepted ones, or the frame is refused', async () => {
  const frames = fc.array(
    fc.record({
      kind: fc.constantFrom(
        'next',
        'next',
        'next',
        'rewind',
        'duplicate',
        'duplicate',
        'late-rewind',
        'stale',
        'skip',
        'back',
        'any',
        'not-a-number',
      ),
      rows: fc.integer({ min: 1, max: 5 }),
      pick: fc.nat(),
    }),
    { minLength: 1, maxLength: 30 },
  )
  await fc.assert(
    fc.asyncProperty(frames, async (frames) => {
      const bench = await createBench()
      const sent: { frame: Step; input: Float32Array }[] = []
      /** Inputs of the rows that must be in the KV cache now, and the position after frames that are only queued. */
      let model: Float32Array[] = []
      const outputs = new Map<number, Float32Array>()
      let steps = 0
      for (const [tag, { kind, rows, pick }] of frames.entries()) {
        const earlier = sent.length === 0 ? undefined : sent[pick % sent.length]
        const length = model.length
        let frame = step({ step: steps, position: length, rows })
        let input = inputOf(tag, rows)
        if (kind === 'rewind')
          frame = step({ ...frame, position: length === 0 ? 0 : pick % length, rewind: true })
        if (kind === 'duplicate' && earlier !== undefined) ({ frame, input } = earlier)
        if (kind === 'late-rewind' && earlier !== undefined)
          frame = step({ ...frame, step: earlier.frame.step, position: earlier.frame.position, rewind: true })
        if (kind === 'stale') frame = step({ ...frame, epoch: 0 })
        if (kind === 'skip')
          frame = step({ ...frame, position: length + 1 + (pick % 3), rewind: pick % 2 === 0 })
        if (kind === 'back') frame = step({ ...frame, position: Math.max(0, length - 1) })
        if (kind === 'any')
          frame = step({
            ...frame,
            step: pick % 9,
            position: pick % 13,
            epoch: pick % 3,
            rewind: pick % 5 === 0,
          })
        if (kind === 'not-a-number') input[pick % input.length] = Number.NaN
        steps = Math.max(steps, frame.step) + 1

        const [pushes, failures] = [bench.pushed.length, bench.failed.length]
        await bench.session.receive(frame, input)
        await Promise.resolve()
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
        const push = bench.pushed[pushes]
        expect(
          bench.pushed.length - pushes + bench.failed.length - failures,
          'each frame is answered once',
        ).toBe(1)
        const legitimate = kind === 'next' || kind === 'rewind'
        if (legitimate && frame.position + rows <= tokenBudget)
          expect(bench.failed.slice(failures)).toEqual([])
        if (push === undefined) {
          expect(bench.failed[failures]?.definite).toBe(true)
          continue
        }
        expect([
          frame.epoch,
          frame.position <= length,
          frame.position === length || frame.rewind || outputs.has(frame.step),
        ]).toEqual([1, true, true])
        const known = outputs.get(frame.step)
        if (known !== undefined) {
          expect(push.rows).toEqual(known)
          continue
        }
        expect([...input].every(Number.isFinite)).toBe(true)
        model = model.slice(0, frame.position)
        for (let row = 0; row < frame.rows; row += 1)
          model.push(input.slice(row * hiddenSize, (row + 1) * hiddenSize))
        const truth = await computeAfresh(model)
        expect(push.rows).toEqual(truth.slice(frame.position * hiddenSize))
        outputs.set(frame.step, push.rows)
        sent.push({ frame, input })
      }
      expect(bench.runner.length('s/2')).toBe(model.length)
      expect(bench.session.journal.rows(0, model.length)).toEqual(await computeAfresh(model))
    }),
    { numRuns: 300 },
  )
})

test('frames that arrive together are computed in order', async () => {
  const bench = await createBench()
  const inputs = [inputOf(1, 3), inputOf(2, 1), inputOf(3, 5)]
  await Promise.all([
    bench.session.receive(step({ rows: 3 }), inputs[0]!),
    bench.session.receive(step({ step: 1, position: 3 }), inputs[1]!),
    bench.session.receive(step({ step: 2, position: 4, rows: 5 }), inputs[2]!),
  ])
  expect(bench.failed).toEqual([])
  expect(bench.session.journal.rows(0, 9)).toEqual(await computeAfresh(inputs))
})

test('a full queue refuses, and a rewind waits for rows that are still to be pushed', async () => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const rowsPushed: Float32Array[] = []
  const bench = await createBench({
    async push(_version, _frame, rows) {
      await gate
      rowsPushed.push(...rows().map((view) => view.slice()))
    },
  })
  await bench.session.receive(step({ rows: 2 }), inputOf(1, 2))
  const first = bench.session.journal.rows(0, 2)
  const rewinding = bench.session.receive(
    step({ step: 1, position: 0, rows: 2, rewind: true }),
    inputOf(2, 2),
  )
  const queued = Array.from({ length: 40 }, (_, i) =>
    bench.session.receive(step({ step: 2 + i, position: 2 + i }), inputOf(3, 1)),
  )
  await Promise.resolve()
  expect(bench.failed.map(({ code }) => code)).toEqual(Array.from({ length: 9 }, () => 'limit-exceeded'))
  expect(bench.session.journal.rows(0, 2)).toEqual(first)
  release()
  await Promise.all([rewinding, ...queued])
  expect(rowsPushed[0]).toEqual(first)
})

test('a computation that fails breaks the session: what comes later is never computed on a doubtful cache', async () => {
  const bench = await createBench()
  await bench.session.receive(step({}), inputOf(1, 1))
  bench.runner.before = () => {
    throw new Error('out of memory')
  }
  await bench.session.receive(step({ step: 1, position: 1 }), inputOf(2, 1))
  bench.runner.before = () => undefined
  await bench.session.receive(step({ step: 2, position: 1 }), inputOf(3, 1))
  expect(bench.failed.map(({ step, code, message, definite }) => [step, code, message, definite])).toEqual([
    [1, 'compute-failed', 'out of memory', true],
    [2, 'compute-failed', 'out of memory', true],
  ])
  expect(bench.session.journal.length).toBe(1)
})

test('closing drops what is queued and frees KV and journal', async () => {
  const bench = await createBench()
  let release = (): void => undefined
  bench.runner.before = () =>
    new Promise<void>((resolve) => {
      release = resolve
    })
  const first = bench.session.receive(step({}), inputOf(1, 1))
  const second = bench.session.receive(step({ step: 1, position: 1 }), inputOf(2, 1))
  await Promise.resolve()
  await Promise.resolve()
  await bench.session.close()
  release()
  await Promise.all([first, second])
  expect([bench.pushed, bench.failed, bench.session.journal.bytes, bench.runner.memory().sessions]).toEqual([
    [],
    [],
    0,
    0,
  ])
  expect(bench.runner.computedRows).toBe(1)
})

test('after a move a step waits for the replay, which says which rows are right and which the next hop lacks', async () => {
  const { session, pushed, failed } = await createBench()
  const inputs = [inputOf(0, 3), inputOf(1, 2), inputOf(2, 1)] as const
  await session.receive(step({ rows: 3 }), inputs[0])
  await session.receive(step({ step: 1, position: 3, rows: 2 }), inputs[1])
  await session.move({ epoch: 2, previous: 'before', next: session.next })
  expect(session.progress).toEqual({ length: 5, lastStep: 1, journalFrom: 0 })
  pushed.length = 0
  // Row 3 again: a rewind that this stage never heard of.
  const waiting = session.receive(step({ epoch: 2, step: 2, position: 3 }), inputs[2])
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  expect(pushed).toEqual([])
  await session.replay({ epoch: 1, length: 5, from: 5, settled: 5 })
  expect(pushed).toEqual([])
  await session.replay({ epoch: 2, length: 3, from: 1, settled: 3 })
  await waiting
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  expect(pushed.map(({ frame: { position, rows, step: number } }) => [position, rows, number])).toEqual([
    [1, 2, 0],
    [3, 1, 2],
  ])
  const expected = await computeAfresh([inputs[0], inputs[2]])
  expect(Float32Array.from(pushed.flatMap(({ rows }) => [...rows]))).toEqual(expected.subarray(hiddenSize))
  expect(failed).toEqual([])
})

test('closing frees a stage whose replay never comes, and the step that waits for it', async () => {
  const { session, runner, pushed } = await createBench()
  await session.move({ epoch: 2, previous: 'before', next: session.next })
  const waiting = session.receive(step({ epoch: 2 }), inputOf(0, 1))
  await session.close()
  await waiting
  expect(pushed).toEqual([])
  expect(runner.memory().sessions).toBe(0)
})
