import { headSpec, type HeadSpec, type IndexRange, type Manifest, type RankShare } from '@shoal/model'
import type { Span } from '../../span.ts'
import type { ComputeSession, GraphRuntime } from '../computers/compute-session.ts'
import { loadBlock, type LoadedBlock } from '../computers/loaded-block.ts'
import type { LoadHalf } from '../computers/rank-chain.ts'
import { halfGraph } from '../graph/half-graph.ts'
import { noBlocks, spanGraph } from '../graph/span-graph.ts'
import { headConfig, headPartSource } from '../tensors/head-part.ts'
import { packedSource } from '../tensors/packed-source.ts'
import { shareSource } from '../tensors/share-source.ts'

/** Makes the graphs of one packed model and loads them into onnxruntime. */
export interface GraphLoader {
  /** @param experts those to load, of a block that has some; all by default */
  readonly loadBlock: (block: Span, experts?: IndexRange | null) => LoadedBlock
  /** @returns a loader for the halves of the blocks of `span`, which is a span of the rank's share */
  halvesOf(span: Span, share: RankShare): LoadHalf
  /** @param vocabulary rows of the projection; null for all */
  loadHead(vocabulary: IndexRange | null): { readonly session: ComputeSession; readonly head: HeadSpec }
}

export function createGraphLoader(manifest: Manifest, runtime: GraphRuntime): GraphLoader {
  const { config, profile } = manifest
  const weights = packedSource(manifest)
  const load = (model: Uint8Array): ComputeSession => runtime.load(model)
  return {
    loadBlock: (block, experts = null) => loadBlock({ block, experts, profile, weights }, load),
    halvesOf({ range, blocks }, share) {
      const shareWeights = shareSource(manifest, share, runtime.readTensor)
      return (block, half, stage) => {
        const spec = blocks[block - range.start]
        if (spec === undefined) throw new Error(`block ${block} is not in ${range.start}:${range.end}`)
        return load(halfGraph({ spec, profile, block, half, stage, weights: shareWeights }))
      }
    },
    loadHead(vocabulary) {
      const head = headSpec(headConfig(config, vocabulary))
      const source = vocabulary === null ? weights : headPartSource(manifest, vocabulary)
      const graph = spanGraph({ span: noBlocks, profile, head, weights: source })
      return { session: load(graph), head }
    },
  }
}
