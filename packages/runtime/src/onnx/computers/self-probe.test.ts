import { afterAll, beforeAll, expect, test } from 'vitest'
import { attentionInputs } from '../graph/attention.ts'
import { createGateMemory, nativeGate } from '../native-gate.ts'
import { packedSource } from '../tensors/packed-source.ts'
import type { RowPadding } from './row-padding.ts'
import type { ComputeSession, Feeds } from './compute-session.ts'
import { loadSession } from './inference-session.ts'
import { hiddenOutput, spanGraph } from '../graph/span-graph.ts'
import type { PackedModel } from '../../testing/packed-model.ts'
import { spanOf } from '../../span.ts'
import { randomModel, smallLlama } from '../../testing/random-model.ts'
import { selfProbe, selfProbeHead } from './self-probe.ts'
import { createSpanComputer } from './span-computer.ts'
import { seededValues } from '../../probe/seeded-values.ts'

const block = spanOf(smallLlama, { start: 0, end: 1 }, 'f32')
const width = smallLlama.hiddenSize
let packed: PackedModel
let real: ComputeSession
beforeAll(() => {
  // Float32 needs no padding on any CPU family.
  packed = randomModel(smallLlama, 'f32')
  const { profile } = packed.manifest.manifest
  real = loadSession(
    spanGraph({ span: block, profile, head: null, weights: packedSource(packed.manifest.manifest) }),
    { folder: packed.folder, threads: 1, gate: nativeGate(createGateMemory()) },
  )
})
afterAll(() => {
  real.release()
  packed.remove()
})

interface Call {
  readonly rows: number
  /** Positions behind the last real row. */
  readonly end: number
}

/** The real kernels with a defect of another family: rows that `spoiled` names come out one bit off. */
function defective(spoiled: (call: Call) => readonly number[]): ComputeSession {
  return {
    ...real,
    run(feeds, outputs) {
      const results = real.run(feeds, outputs)
      const hidden = results[hiddenOutput] ?? new Float32Array()
      const words = new Uint32Array(hidden.buffer)
      const rows = hidden.length / width
      for (const row of spoiled({ rows, end: endOf(feeds) }))
        words[row * width] = (words[row * width] ?? 0) ^ 1
      return results
    },
  }
}

function endOf(feeds: Feeds): number {
  const newEnd = feeds[attentionInputs.newEnd]
  if (newEnd === undefined) throw new Error('a span is fed its end')
  return Number((newEnd.data as BigInt64Array)[0])
}

const cases: readonly (readonly [string, (call: Call) => readonly number[], RowPadding | null])[] = [
  ['no defect', () => [], 'none'],
  [
    'a kernel of its own for one row (AVX2, 4 bits)',
    ({ rows }) => (rows === 1 ? [0] : []),
    'one-becomes-two',
  ],
  [
    'rows in pairs, the odd last one apart (AVX-512, block 128)',
    ({ rows }) => (rows % 2 === 1 ? [rows - 1] : []),
    'even',
  ],
  [
    'a lane that depends on where the call ends (ARM attention)',
    ({ rows, end }) => (end % 4 === 3 ? [rows - 1] : []),
    null,
  ],
  ['a query block with one row', ({ rows }) => (rows === 129 ? [128] : []), 'even'],
  ['rows that depend on long calls', ({ rows }) => (rows >= 130 ? [0] : []), null],
]

test.each(cases)('%s', (_, spoiled, padding) => {
  expect(selfProbe((padding) => createSpanComputer(defective(spoiled), block, padding), block)).toBe(padding)
})

const heads: readonly (readonly [string, (rows: number) => readonly number[], RowPadding | null])[] = [
  ['none', () => [], 'none'],
  ['one row apart', (rows) => (rows === 1 ? [0] : []), 'one-becomes-two'],
  ['odd last row apart', (rows) => (rows % 2 === 1 ? [rows - 1] : []), 'even'],
  ['six rows apart', (rows) => (rows === 6 ? [0] : []), null],
]

test.each(heads)('a head with this defect: %s', (_, spoiled, padding) => {
  const computed = (rows: number, given: RowPadding): number =>
    given === 'none' ? rows : given === 'even' ? rows + (rows % 2) : Math.max(2, rows)
  const compute = (hidden: Float32Array, given: RowPadding): Float32Array => {
    const logits = hidden.slice()
    for (const row of spoiled(computed(hidden.length / width, given)))
      if (row * width < logits.length) logits[row * width] = 9
    return logits
  }
  expect(selfProbeHead(compute, width)).toBe(padding)
})

test('seeded values are the same everywhere', () => {
  expect([...seededValues(1, 3, 1)]).toEqual([...seededValues(1, 3, 1)])
  expect(seededValues(1, 1000, 0.5).every((value) => value >= -0.5 && value < 0.5)).toBe(true)
})
