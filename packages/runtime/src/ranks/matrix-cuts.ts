import { unitOf, type IndexRange, type ModelConfig, type RankShare } from '@shoal/model'

/** Which part of a packed tensor a rank has: some rows of it one after the other, and of each row some inputs. */
export interface TensorCut {
  readonly rows: readonly IndexRange[]
  /** Null for all. */
  readonly columns: IndexRange | null
}

/**
 * A rank's part of a block's tensor, by the tensor's name without `.weight`, `.scale`: matrices that make heads or
 * columns are cut by rows, those that consume them by inputs, norms are whole everywhere.
 *
 * A bias of q, k or v belongs to its row, so it is added once however many ranks there are.
 */
export function tensorCut(
  { headCount, keyValueHeadCount, headSize, feedForwardSize, hiddenSize }: ModelConfig,
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
    case 'gate-up':
      return {
        rows: [columns, { start: feedForwardSize + columns.start, end: feedForwardSize + columns.end }],
        columns: null,
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
