import { unitOf, type BlockSpec, type IndexRange, type RankShare } from '@shoal/model'
import { denseOf } from '../support.ts'
import { keyValueHeadsOf } from './share-span.ts'

/** The part of a packed tensor that a rank holds: some of its rows, stacked, and of each row some inputs. */
export interface TensorCut {
  readonly rows: readonly IndexRange[]
  /** Null for all. */
  readonly columns: IndexRange | null
}

/**
 * A rank's part of a block's tensor: matrices that make heads or columns are cut by rows, those that consume them by
 * inputs (Shoeybi et al., Megatron-LM, arXiv 1909.08053), and every rank holds the norms whole. A bias of q, k or v
 * belongs to its row, so it is added once however many ranks there are; a bias of the residual stream's columns is the
 * first rank's (`shareSpec`).
 *
 * @param spec of the whole block
 * @param name of the packed tensor, without `.weight` or `.scale`
 */
export function tensorCut(spec: BlockSpec, share: RankShare, name: string): TensorCut {
  const { hiddenSize, attention, feedForward } = spec
  const { headCount, keyValueHeadCount, headSize, queryKeyNorm } = attention
  const { heads, columns } = share
  const keyValueHeads = keyValueHeadsOf(spec, share)
  const part = name.slice(unitOf(name).length + 1)
  const channels = ({ start, end }: IndexRange, from = 0): IndexRange => ({
    start: from + start * headSize,
    end: from + end * headSize,
  })
  const whole = (rows: number): TensorCut => ({ rows: [{ start: 0, end: rows }], columns: null })
  switch (part) {
    case 'qkv':
    case 'qkv.bias': {
      const keysFrom = headCount * headSize
      const valuesFrom = keysFrom + keyValueHeadCount * headSize
      const values = channels(keyValueHeads, valuesFrom)
      // A norm over all heads needs all of q and k.
      if (queryKeyNorm === 'all-heads')
        return { rows: [{ start: 0, end: valuesFrom }, values], columns: null }
      return { rows: [channels(heads), channels(keyValueHeads, keysFrom), values], columns: null }
    }
    case 'convolution':
      return { rows: [channels(heads)], columns: null }
    case 'output':
      return { ...whole(hiddenSize), columns: channels(heads) }
    case 'gate-up':
    case 'gate-up.bias': {
      const { size } = denseOf(feedForward)
      return {
        rows: [columns, { start: size + columns.start, end: size + columns.end }],
        columns: null,
      }
    }
    case 'up':
    case 'up.bias':
      return { rows: [columns], columns: null }
    case 'down':
      return { ...whole(hiddenSize), columns }
    case 'query-norm':
    case 'key-norm': {
      const own = part === 'query-norm' ? heads : keyValueHeads
      if (queryKeyNorm === 'layer-of-head') return { rows: [channels(own)], columns: null }
      const all = part === 'query-norm' ? headCount : keyValueHeadCount
      return whole(queryKeyNorm === 'all-heads' ? all * headSize : headSize)
    }
    default:
      return whole(hiddenSize)
  }
}
