import { limits } from '../../limits.ts'
import { refuseOverlaps, type LocatedTensor } from '../located-tensor.ts'
import type { RangeReader } from '../range-reader.ts'
import { storedBytes, storedTypes, type StoredType } from '../stored-types.ts'
import { HeaderCursor } from './header-cursor.ts'
import { readValue, type GgufValue } from './metadata-values.ts'

/** Metadata and tensors of one GGUF file. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, LocatedTensor>
  /** Tensors of types that cannot be read, by name: the model may not need them. */
  readonly skipped: ReadonlyMap<string, string>
}

/** Types of tensors by their number in the file (`enum ggml_type`). */
const typeNumbers: Readonly<Record<number, StoredType>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  20: 'IQ4_NL',
  23: 'IQ4_XS',
  28: 'F64',
  30: 'BF16',
  39: 'MXFP4',
}

/** Other types that files have, for messages. */
const otherTypes: Readonly<Record<number, string>> = {
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
}

const magic = 0x46554747
const alignmentDefault = 32
const alignmentMax = 1 << 20

/**
 * Reads the header of a GGUF file, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): counts,
 * metadata, tensors; the data section behind it is not read. The file comes from strangers: every count, length and offset
 * is checked before use.
 *
 * @throws {ModelError} `bad-model` when the header contradicts itself or the file
 */
export async function readGgufHeader(
  reader: RangeReader,
  fileName: string,
  signal?: AbortSignal,
): Promise<GgufHeader> {
  const cursor = new HeaderCursor(reader, fileName, signal)
  if ((await cursor.uint32()) !== magic)
    cursor.refuse('this is not a GGUF file: it does not begin with "GGUF"')
  const version = await cursor.uint32()
  if (version !== 2 && version !== 3)
    cursor.refuse(`GGUF version ${version} cannot be read; 2 and 3 (little-endian) can`)
  const tensorCount = await cursor.count('the number of tensors', limits.safetensorsTensorsMax)
  const keyCount = await cursor.count('the number of keys', limits.ggufKeysMax)
  const metadata = new Map<string, GgufValue>()
  for (let index = 0; index < keyCount; index++) {
    const key = await cursor.text('a key', limits.ggufKeyBytesMax)
    if (metadata.has(key)) cursor.refuse(`the key ${JSON.stringify(key)} is there twice`)
    metadata.set(key, await readValue(cursor, key))
  }
  const entries: TensorEntry[] = []
  for (let index = 0; index < tensorCount; index++) entries.push(await readEntry(cursor))
  const alignment = alignmentOf(metadata, cursor)
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment
  return { metadata, ...locate(entries, cursor, { dataStart, alignment, fileSize: reader.size, fileName }) }
}

/** Of the data section and of every tensor in it. */
function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, cursor: HeaderCursor): number {
  const value = metadata.get('general.alignment') ?? alignmentDefault
  if (typeof value !== 'number' || value < 1 || value > alignmentMax || !isPowerOfTwo(value))
    return cursor.refuse(`general.alignment is ${String(value)}, not a power of two up to ${alignmentMax}`)
  return value
}

interface TensorEntry {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: number
  readonly offset: number
}

async function readEntry(cursor: HeaderCursor): Promise<TensorEntry> {
  const name = await cursor.text("a tensor's name", limits.ggufKeyBytesMax)
  const what = `tensor ${JSON.stringify(name)}`
  const rank = await cursor.uint32()
  if (rank > limits.ggufRankMax)
    cursor.refuse(`${what} has ${rank} dimensions, more than ${limits.ggufRankMax}`)
  const sizes: number[] = []
  let count = 1
  for (let axis = 0; axis < rank; axis++) {
    const size = await cursor.count(`a dimension of ${what}`, Number.MAX_SAFE_INTEGER)
    count *= size
    if (count > Number.MAX_SAFE_INTEGER / 8) cursor.refuse(`${what} is too large`)
    sizes.push(size)
  }
  const type = await cursor.uint32()
  const offset = await cursor.count(`the offset of ${what}`, Number.MAX_SAFE_INTEGER)
  // The file names the fastest dimension first.
  return { name, shape: sizes.reverse(), type, offset }
}

function locate(
  entries: readonly TensorEntry[],
  cursor: HeaderCursor,
  file: { dataStart: number; alignment: number; fileSize: number; fileName: string },
): Pick<GgufHeader, 'tensors' | 'skipped'> {
  const tensors = new Map<string, LocatedTensor>()
  const skipped = new Map<string, string>()
  for (const { name, shape, type: number, offset } of entries) {
    const what = `tensor ${JSON.stringify(name)}`
    if (tensors.has(name) || skipped.has(name)) cursor.refuse(`${what} is there twice`)
    const type = typeNumbers[number]
    if (type === undefined) {
      skipped.set(name, otherTypes[number] ?? `number ${number}`)
      continue
    }
    if ((shape.at(-1) ?? 1) % storedTypes[type].values !== 0)
      cursor.refuse(`${what} has rows of ${shape.at(-1)} values, which are no whole blocks of ${type}`)
    const bytes = storedBytes(
      type,
      shape.reduce((product, size) => product * size, 1),
    )
    if (offset % file.alignment !== 0 || file.dataStart + offset + bytes > file.fileSize)
      cursor.refuse(`${what} of ${bytes} bytes at ${offset} is not aligned, or leaves the file`)
    tensors.set(name, { name, type, shape, offset: file.dataStart + offset, bytes })
  }
  refuseOverlaps([...tensors.values()], file.fileName)
  return { tensors, skipped }
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && (value & (value - 1)) === 0
}
