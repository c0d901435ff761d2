import { ModelError } from '../error.ts'

export type WeightFormat = 'f32' | 'int8' | 'int4'

/** How a matrix is packed and multiplied. */
export interface MatrixFormat {
  readonly weights: WeightFormat
  /** Weights that share a scale, along a row; 0 for f32. */
  readonly blockSize: number
  /** `accuracy_level` of MatMulNBits: 4 = activations rounded to int8 per block; 0 for f32. */
  readonly accuracyLevel: 0 | 4
  /**
   * Whether each block has a number that is added to its values, beside its scale: for blocks of GGUF files that have a least
   * value (Q4_K, Q4_1). Only in int4 with blocks of 32.
   */
  readonly offsets?: true
}

/** Block sizes MatMulNBits has kernels for. */
const blockSizes = [16, 32, 64, 128]

/** The block size where none is named. */
const usualBlockSize = { int8: 32, int4: 128 } as const

/** The format whose blocks have offsets. */
export const offsetFormat = 'int4:32:offset'

/** Parses `f32`, `int8[:BLOCK]`, `int4[:BLOCK]` and `int4:32:offset`. @throws {ModelError} `bad-request` */
export function parseFormat(text: string): MatrixFormat {
  if (text === offsetFormat) return { ...parseFormat('int4:32'), offsets: true }
  const [weights, block, ...rest] = text.split(':')
  if (rest.length > 0 || (weights !== 'f32' && weights !== 'int8' && weights !== 'int4'))
    throw new ModelError('bad-request', `a format is f32, int8[:BLOCK] or int4[:BLOCK], not '${text}'`)
  if (weights === 'f32') {
    if (block !== undefined)
      throw new ModelError('bad-request', `f32 has no block size, but '${text}' names one`)
    return { weights, blockSize: 0, accuracyLevel: 0 }
  }
  const blockSize = block === undefined ? usualBlockSize[weights] : Number(block)
  if (!blockSizes.includes(blockSize))
    throw new ModelError('bad-request', `block size must be one of ${blockSizes.join(', ')}, not '${block}'`)
  return { weights, blockSize, accuracyLevel: 4 }
}

/** `f32`, `int4:128`, `int4:32:offset`. */
export function formatName({ weights, blockSize, offsets }: MatrixFormat): string {
  if (offsets === true) return offsetFormat
  return weights === 'f32' ? 'f32' : `${weights}:${blockSize}`
}

/** Bytes of the codes of one block. */
export function blockBytesOf({ weights, blockSize }: MatrixFormat): number {
  return weights === 'int4' ? blockSize / 2 : blockSize
}
