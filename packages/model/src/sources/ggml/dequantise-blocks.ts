import { blockTypes, type BlockType } from '../stored-types.ts'
import { dequantiseIq4Nl, dequantiseIq4Xs } from './iq4.ts'
import { dequantiseMxfp4 } from './mxfp4.ts'
import { dequantiseQ2K, dequantiseQ3K, dequantiseQ4K, dequantiseQ5K, dequantiseQ6K } from './k-quants.ts'
import {
  dequantiseQ4Type0,
  dequantiseQ4Type1,
  dequantiseQ5Type0,
  dequantiseQ5Type1,
  dequantiseQ8Type0,
} from './thirty-twos.ts'

/**
 * Writes the values of one block.
 * @param at byte offset of the block
 * @param to index of its first value in `values`
 */
export type DequantiseBlock = (bytes: Uint8Array, at: number, values: Float32Array, to: number) => void

const kernels: Readonly<Record<BlockType, DequantiseBlock>> = {
  Q4_0: dequantiseQ4Type0,
  Q4_1: dequantiseQ4Type1,
  Q5_0: dequantiseQ5Type0,
  Q5_1: dequantiseQ5Type1,
  Q8_0: dequantiseQ8Type0,
  Q2_K: dequantiseQ2K,
  Q3_K: dequantiseQ3K,
  Q4_K: dequantiseQ4K,
  Q5_K: dequantiseQ5K,
  Q6_K: dequantiseQ6K,
  IQ4_NL: dequantiseIq4Nl,
  IQ4_XS: dequantiseIq4Xs,
  MXFP4: dequantiseMxfp4,
}

/**
 * The values of whole blocks, bit for bit as `dequantize_row_*` of ggml computes them: every product has at most 24
 * significant bits, so that only the last operation rounds.
 */
export function dequantiseBlocks(type: BlockType, bytes: Uint8Array): Float32Array {
  const block = blockTypes[type]
  const kernel = kernels[type]
  const blocks = bytes.byteLength / block.bytes
  const values = new Float32Array(blocks * block.values)
  for (let index = 0; index < blocks; index++)
    kernel(bytes, index * block.bytes, values, index * block.values)
  return values
}
