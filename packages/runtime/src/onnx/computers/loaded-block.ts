import type { BlockSpec, IndexRange, NumericProfile } from '@shoal/model'
import type { Span } from '../../span.ts'
import { attentionGraph, blockRestGraph, projectionGraph } from '../graph/block-parts.ts'
import { expertsGraph, expertsOf, mixtureGraph } from '../graph/mixture-graph.ts'
import type { WeightSource } from '../graph/linear.ts'
import { hiddenOutput } from '../graph/span-graph.ts'
import { createBlockAttention, type BlockAttention } from './block-attention.ts'
import { attendRows, blockComputer, type BlockComputer } from './block-computer.ts'
import type { ComputeSession } from './compute-session.ts'
import { createMixtureComputer, type MixtureComputer } from './mixture-computer.ts'
import { createRotation, type Rotation } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'
import { firstValues } from './span-computer.ts'

/** One block whose graphs are loaded. */
export interface LoadedBlock {
  /** Computes the block; with some of its experts, as if the others made zeros of all rows. @param rotation of its own by default */
  computer(padding: RowPadding, rotation?: Rotation): BlockComputer
  /** As `computer`, in two halves; null for a dense block. */
  mixture(padding: RowPadding, rotation: Rotation): MixtureComputer | null
  release(): void
}

export interface BlockRequest {
  /** The span of one block. */
  readonly block: Span
  /** The experts to load, of a block that has some; null for all. */
  readonly experts: IndexRange | null
  readonly profile: NumericProfile
  readonly weights: WeightSource
}

type Load = (model: Uint8Array) => ComputeSession

/**
 * Loads the graphs of one block, dense or with experts.
 * @param load loads the bytes of an ONNX model
 */
export function loadBlock({ block, experts, profile, weights }: BlockRequest, load: Load): LoadedBlock {
  const [spec] = block.blocks
  if (spec === undefined) throw new Error('a span without a block cannot be loaded')
  const request = { spec, profile, block: block.range.start, weights }
  const loaded: ComputeSession[] = []
  const release = (): void => {
    for (const session of loaded.splice(0)) session.release()
  }
  const loading: Load = (model) => {
    const session = load(model)
    loaded.push(session)
    return session
  }
  try {
    const projection = loading(projectionGraph(request))
    const attention = loading(attentionGraph(request))
    const attentionOf = (rotation = createRotation(spec.attention)): BlockAttention =>
      createBlockAttention(attention, spec, request.block, rotation)
    if (spec.feedForward.kind === 'dense') {
      const rest = loading(blockRestGraph(request))
      return {
        computer: (padding, rotation) =>
          denseComputer({ projection, rest }, attentionOf(rotation), spec, padding),
        mixture: () => null,
        release,
      }
    }
    const held = experts ?? { start: 0, end: expertsOf(spec).count }
    const sessions = {
      projection,
      everyRow: loading(mixtureGraph(request)),
      experts: loading(expertsGraph(request, held)),
      held,
    }
    const mixture = (padding: RowPadding, rotation?: Rotation): MixtureComputer =>
      createMixtureComputer(sessions, attentionOf(rotation), spec, padding)
    return {
      computer(padding, rotation) {
        const both = mixture(padding, rotation)
        return blockComputer(spec.hiddenSize, (parts, hidden) => both.mix(both.route(parts, hidden)))
      },
      mixture,
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

function denseComputer(
  { projection, rest }: { readonly projection: ComputeSession; readonly rest: ComputeSession },
  attention: BlockAttention,
  { hiddenSize }: BlockSpec,
  padding: RowPadding,
): BlockComputer {
  return blockComputer(hiddenSize, (parts, hidden) => {
    const { feeds, free } = attendRows(projection, attention, padding, parts, hidden)
    const output = rest.run(feeds, [hiddenOutput])[hiddenOutput]
    free()
    if (output === undefined) throw new Error(`the graph returned no ${hiddenOutput}`)
    return firstValues(output, hidden.length)
  })
}
