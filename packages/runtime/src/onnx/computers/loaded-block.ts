import type { NumericProfile } from '@shoal/model'
import type { Span } from '../../span.ts'
import { expertsGraph, mixtureGraph } from '../graph/mixture-graph.ts'
import { spanGraph } from '../graph/span-graph.ts'
import type { WeightSource } from '../graph/linear.ts'
import type { ComputeSession } from './inference-session.ts'
import { createMixtureComputer } from './mixture-computer.ts'
import { createRotation, type Rotation } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'
import { createSpanComputer, type SpanComputer } from './span-computer.ts'

/** One block whose graphs are loaded. */
export interface LoadedBlock {
  /** @param rotation tables of the rotary embedding; of its own by default */
  computer(padding: RowPadding, rotation?: Rotation): SpanComputer
  release(): void
}

/**
 * Loads the graphs of one block, dense or with experts.
 * @param load loads the bytes of an ONNX model
 */
export function loadBlock(
  block: Span,
  profile: NumericProfile,
  weights: WeightSource,
  load: (model: Uint8Array) => ComputeSession,
): LoadedBlock {
  const [spec] = block.blocks
  if (spec === undefined) throw new Error('a span without a block cannot be loaded')
  if (spec.feedForward.kind === 'dense') {
    const session = load(spanGraph({ span: block, profile, head: null, weights }))
    return {
      computer: (padding, rotation) => createSpanComputer(session, block, padding, rotation),
      release: () => session.release(),
    }
  }
  const index = block.range.start
  const request = { spec, profile, block: index, weights }
  const everyRow = load(mixtureGraph(request))
  let experts: ComputeSession
  try {
    experts = load(expertsGraph(request, { start: 0, end: spec.feedForward.count }))
  } catch (error) {
    everyRow.release()
    throw error
  }
  return {
    computer: (padding, rotation = createRotation(spec.attention)) =>
      createMixtureComputer({ everyRow, experts }, spec, index, padding, rotation),
    release() {
      everyRow.release()
      experts.release()
    },
  }
}
