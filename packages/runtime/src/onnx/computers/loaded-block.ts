import type { IndexRange, NumericProfile } from '@shoal/model'
import type { Span } from '../../span.ts'
import { expertsGraph, mixtureGraph } from '../graph/mixture-graph.ts'
import { spanGraph } from '../graph/span-graph.ts'
import type { WeightSource } from '../graph/linear.ts'
import type { ComputeSession } from './inference-session.ts'
import { createMixtureComputer, type MixtureComputer } from './mixture-computer.ts'
import { createRotation, type Rotation } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'
import { createSpanComputer, inCalls, type SpanComputer } from './span-computer.ts'

/** One block whose graphs are loaded. */
export interface LoadedBlock {
  /** Computes the block; with some of its experts, as if the others made zeros of all rows. @param rotation of its own by default */
  computer(padding: RowPadding, rotation?: Rotation): SpanComputer
  /** As `computer`, in two halves; null for a dense block. */
  mixture(padding: RowPadding, rotation: Rotation): MixtureComputer | null
  release(): void
}

export interface BlockRequest {
  /** Of one block. */
  readonly block: Span
  /** The experts to load, of a block that has some; null for all. */
  readonly experts: IndexRange | null
  readonly profile: NumericProfile
  readonly weights: WeightSource
}

/**
 * Loads the graphs of one block, dense or with experts.
 * @param load loads the bytes of an ONNX model
 */
export function loadBlock(request: BlockRequest, load: (model: Uint8Array) => ComputeSession): LoadedBlock {
  const { block, profile, weights } = request
  const [spec] = block.blocks
  if (spec === undefined) throw new Error('a span without a block cannot be loaded')
  const { feedForward, hiddenSize } = spec
  if (feedForward.kind === 'dense') {
    const session = load(spanGraph({ span: block, profile, head: null, weights }))
    return {
      computer: (padding, rotation) => createSpanComputer(session, block, padding, rotation),
      mixture: () => null,
      release: () => session.release(),
    }
  }
  const { start: index } = block.range
  const held = request.experts ?? { start: 0, end: feedForward.count }
  const everyRow = load(mixtureGraph({ spec, profile, block: index, weights }))
  let experts: ComputeSession
  try {
    experts = load(expertsGraph({ spec, profile, block: index, weights }, held))
  } catch (error) {
    everyRow.release()
    throw error
  }
  const mixture = (padding: RowPadding, rotation: Rotation): MixtureComputer =>
    createMixtureComputer({ everyRow, experts, held }, spec, index, padding, rotation)
  return {
    computer(padding, rotation = createRotation(spec.attention)) {
      const both = mixture(padding, rotation)
      return {
        forward: (cache, hidden) =>
          inCalls(cache, hidden, hiddenSize, (into, rows) => both.mix(both.route(into, rows))),
      }
    },
    mixture,
    release() {
      everyRow.release()
      experts.release()
    },
  }
}
