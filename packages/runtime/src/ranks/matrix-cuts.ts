import { unitOf, type BlockSpec, type IndexRange, type RankShare } from '@shoal/model'
import { denseOf } from '../support.ts'

/** The part of a packed tensor that a rank holds: some of its rows, stacked, and of each row some inputs. */
export interface TensorCut {
  readonly rows: readonly IndexRange[]
  /** Null for all. */
  readonly columns: IndexRange | null
}

/**
 * A rank's part of a block's tensor: matrices that make heads or columns are cut by rows, those that consume them by
 * inputs (Shoeybi et al., Megatron-LM, arXiv 1909.08053), and every rank holds the norms whole. A bias of q, k or v
 * belongs to its row, so it is added once however many ranks there are.
 *
 * @param spec of the whole block
 * @param name of the packed tensor, without `.weight` or `.scale`
 */
export function tensorCut(
  { hiddenSize, attention: { headCount, keyValueHeadCount, headSize }, feedForward }: BlockSpec,
  { heads, keyValueHeads, columns }: RankShare,
  name: string,
): TensorCut {
  const part = name.slice(unitOf(name).length + 1)
  const channels = ({ start, end }: IndexRange, from = 0): IndexRange => ({
    start: from + start * headSize,
    end: from + end * headSize,
  })
  const all = (rows: number): readonly IndexRange[] => [{ start: 0, end: rows }]
  switch (part) {
    case 'qkv':
    case 'qkv.bias': {
      const keysFrom = headCount * headSize
      const valuesFrom = keysFrom + keyValueHeadCount * headSize
      return {
        rows: [channels(heads), channels(keyValueHeads, keysFrom), channels(keyValueHeads, valuesFrom)],
        columns: null,
      }
    }
    case 'output':
      return { rows: all(hiddenSize), columns: channels(heads) }
    case 'gate-up': {
      const { size } = denseOf(feedForward)
      return {
        rows: [columns, { start: size + columns.start, end: size + columns.end }],
        columns: null,
      }
    }
    case 'down':
      return { rows: all(hiddenSize), columns }
    case 'query-norm':
    case 'key-norm':
      return { rows: all(headSize), columns: null }
    default:
      return { rows: all(hiddenSize), columns: null }
  }
}
