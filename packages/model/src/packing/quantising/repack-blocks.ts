import { iq4Values, iq4XsScale } from '../../sources/ggml/iq4.ts'
import { groupOfQ4K } from '../../sources/ggml/k-quants.ts'
import { mxfp4Doubles, mxfp4Scale } from '../../sources/ggml/mxfp4.ts'
import { fiveBits, halfAt, signed } from '../../sources/ggml/thirty-twos.ts'
import { blockTypes, type BlockType, type StoredType } from '../../sources/stored-types.ts'
import type { StoredRows } from '../../sources/tensor-source.ts'
import type { MatrixFormat } from '../matrix-format.ts'

/** Packed codes and scales of whole rows, with offsets where the format has them. */
export interface PackedRows {
  readonly weight: Uint8Array
  readonly scale: Float32Array
  readonly offset?: Float32Array
}

/** Values that share a scale in all formats that are copied. */
const groupSize = 32

/** Code and scale of GGUF blocks in the terms of `int8`: the code less its zero point, and the scale of a group of 32. */
interface Reading {
  /** @param j from 0 within the group */
  code(bytes: Uint8Array, block: number, group: number, j: number): number
  scale(bytes: Uint8Array, block: number, group: number): number
}

const nibble = (bytes: Uint8Array, at: number, j: number): number => {
  const byte = bytes[at + (j & 15)] as number
  return j < 16 ? byte & 15 : byte >> 4
}
const firstHalf = (bytes: Uint8Array, block: number): number => halfAt(bytes, block)

const readings: Readonly<Partial<Record<BlockType, Reading>>> = {
  Q4_0: { code: (bytes, block, _, j) => nibble(bytes, block + 2, j) - 8, scale: firstHalf },
  Q5_0: { code: (bytes, block, _, j) => fiveBits(bytes, block + 2, j) - 16, scale: firstHalf },
  Q8_0: { code: (bytes, block, _, j) => signed(bytes[block + 2 + j] as number), scale: firstHalf },
  IQ4_NL: {
    code: (bytes, block, _, j) => iq4Values[nibble(bytes, block + 2, j)] as number,
    scale: firstHalf,
  },
  IQ4_XS: {
    code: (bytes, block, group, j) => iq4Values[nibble(bytes, block + 8 + group * 16, j)] as number,
    scale: iq4XsScale,
  },
  MXFP4: {
    code: (bytes, block, _, j) => mxfp4Doubles[nibble(bytes, block + 1, j)] as number,
    scale: (bytes, block) => mxfp4Scale(bytes, block),
  },
}

/** As {@link Reading}, in the terms of `int4:32:offset`: the value is `(code - 8) · scale + offset`. */
interface OffsetReading {
  /** From 0. */
  code(bytes: Uint8Array, block: number, group: number, j: number): number
  /** The sum in `offset` is exact unless the exponents of a file's two scales lie far apart: its terms have 17 bits each. */
  scaleAndOffset(bytes: Uint8Array, block: number, group: number): readonly [scale: number, offset: number]
}

const offsetReadings: Readonly<Partial<Record<BlockType, OffsetReading>>> = {
  Q4_0: {
    code: (bytes, block, _, j) => nibble(bytes, block + 2, j),
    scaleAndOffset: (bytes, block) => [halfAt(bytes, block), 0],
  },
  Q4_1: {
    code: (bytes, block, _, j) => nibble(bytes, block + 4, j),
    scaleAndOffset: (bytes, block) => {
      const scale = halfAt(bytes, block)
      return [scale, 8 * scale + halfAt(bytes, block + 2)]
    },
  },
  Q4_K: {
    code: (bytes, block, group, j) =>
      ((bytes[block + 16 + (group >> 1) * 32 + j] as number) >> (4 * (group & 1))) & 15,
    scaleAndOffset: (bytes, block, group) => {
      const [scale, minimum] = groupOfQ4K(bytes, block, group)
      return [scale, 8 * scale - minimum]
    },
  },
}

/** Types whose codes, scales and minima an `int4:32:offset` block holds unchanged. */
export function keptWithOffsets(type: StoredType): boolean {
  return Object.hasOwn(offsetReadings, type)
}

/** Types whose codes and scales an `int8` block of 32 holds unchanged. */
export function keptInEightBits(type: StoredType): boolean {
  return Object.hasOwn(readings, type)
}

/**
 * Copies codes and scales where the format can hold them: Q4_0 as `int4:32`; Q4_0, Q5_0, Q8_0, IQ4_NL, IQ4_XS
 * and MXFP4 as `int8:32`; Q4_K, Q4_1 and Q4_0 as `int4:32:offset`. Rounding the values once more would change them where a block's largest value has not the lowest code, as
 * in files that were quantised with an importance matrix.
 *
 * @returns null where the values must be rounded
 */
export function repackBlocks(rows: StoredRows, format: MatrixFormat): PackedRows | null {
  return format.offsets === true ? repackWithOffsets(rows) : repackWithoutOffsets(rows, format)
}

function repackWithOffsets({ type, bytes }: StoredRows): PackedRows | null {
  const reading = offsetReadings[type as BlockType]
  if (reading === undefined) return null
  const block = blockTypes[type as BlockType]
  const groupsInBlock = block.values / groupSize
  const groups = (bytes.byteLength / block.bytes) * groupsInBlock
  const weight = new Uint8Array((groups * groupSize) / 2)
  const [scale, offset] = [new Float32Array(groups), new Float32Array(groups)]
  for (let index = 0; index < groups; index++) {
    const at = Math.floor(index / groupsInBlock) * block.bytes
    const group = index % groupsInBlock
    const [step, added] = reading.scaleAndOffset(bytes, at, group)
    scale[index] = step
    offset[index] = added
    const out = index * (groupSize / 2)
    for (let j = 0; j < groupSize; j += 2)
      weight[out + (j >> 1)] =
        reading.code(bytes, at, group, j) | (reading.code(bytes, at, group, j + 1) << 4)
  }
  return { weight, scale, offset }
}

function repackWithoutOffsets(
  { type, bytes }: StoredRows,
  { weights, blockSize }: MatrixFormat,
): PackedRows | null {
  if (blockSize !== groupSize) return null
  const int4 = weights === 'int4'
  const reading = int4 && type !== 'Q4_0' ? undefined : readings[type as BlockType]
  if (reading === undefined) return null
  const block = blockTypes[type as BlockType]
  const groupsInBlock = block.values / groupSize
  const groups = (bytes.byteLength / block.bytes) * groupsInBlock
  const weight = new Uint8Array(int4 ? (groups * groupSize) / 2 : groups * groupSize)
  const scale = new Float32Array(groups)
  for (let index = 0; index < groups; index++) {
    const at = Math.floor(index / groupsInBlock) * block.bytes
    const group = index % groupsInBlock
    scale[index] = reading.scale(bytes, at, group)
    const out = int4 ? index * (groupSize / 2) : index * groupSize
    for (let j = 0; j < groupSize; j++) {
      const code = reading.code(bytes, at, group, j)
      if (!int4) weight[out + j] = code + 128
      else weight[out + (j >> 1)] = (weight[out + (j >> 1)] as number) | ((code + 8) << (4 * (j & 1)))
    }
  }
  return { weight, scale }
}
