import { createMemoryBudget } from '@shoal/host'
import { afterAll, expect, test } from 'vitest'
import type { BlockSpec } from '@shoal/model'
import { createBlockChain } from '../onnx/computers/block-chain.ts'
import { nativeRuntime } from '../onnx/computers/inference-session.ts'
import { createGraphLoader } from '../onnx/engine/graph-loader.ts'
import { createGateMemory, nativeGate } from '../onnx/native-gate.ts'
import { seededValues } from '../probe/seeded-values.ts'
import { createReferenceRunner } from '../reference/runner.ts'
import { readBlock } from '../reference/weights.ts'
import { createSessionBook } from '../sessions/session-book.ts'
import { spanOf, type Span } from '../span.ts'
import { floatTensors } from '../tensors/tensor-reader.ts'
import { plentyBytes } from '../testing/devices.ts'
import { largestDifference } from '../testing/greedy.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

const packed = randomModel(smallLlama, 'f32')
afterAll(() => packed.remove())
const { manifest } = packed.manifest
const { hiddenSize, contextLength } = smallLlama
const rows = 40

/** Full attention, then a window of 8 with another rotary embedding: the alternation of Gemma 3 and others. */
const uniform = spanOf(smallLlama, { start: 0, end: 2 }, 'f32')
const mixed: Span = {
  ...uniform,
  blocks: uniform.blocks.map((spec, index): BlockSpec => {
    if (index === 0) return spec
    return { ...spec, attention: { ...spec.attention, window: 8, rope: { theta: 500, scaling: null } } }
  }),
}
const hidden = seededValues(3, rows * hiddenSize, 1)

async function onReference(span: Span): Promise<Float32Array> {
  const tensors = floatTensors(manifest, (name, offset, length) => packed.read(name, offset, length))
  const weights = await Promise.all(span.blocks.map((spec, index) => readBlock(spec, tensors, index)))
  const book = createSessionBook({
    span,
    contextLength,
    weightBytes: 0,
    memory: createMemoryBudget(plentyBytes),
  })
  const runner = createReferenceRunner({ span, kv: span.kv, book, weights })
  await runner.open('mixed', rows)
  return runner.forward('mixed', 0, hidden)
}

async function onOnnx(span: Span): Promise<Float32Array> {
  const gate = nativeGate(createGateMemory())
  const loader = createGraphLoader(manifest, nativeRuntime({ folder: packed.folder, threads: 1, gate }))
  const chain = createBlockChain(span, () => 'even', loader.loadBlock)
  const output = await chain.forward(chain.open(span.range, rows), hidden)
  chain.release()
  return output
}

test('blocks with a window and without, and with different rotations, follow each other in one span', async () => {
  const expected = await onReference(mixed)
  expect(largestDifference(await onOnnx(mixed), expected)).toBeLessThan(1e-4)
  expect(largestDifference(await onReference(uniform), expected)).toBeGreaterThan(0.01)
})
