import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'
import { readLocatedRows, type LocatedTensor } from '../located-tensor.ts'
import type { RangeReader } from '../range-reader.ts'
import { storedTypes } from '../stored-types.ts'
import type { StoredRows, TensorSource } from '../tensor-source.ts'
import type { GgufHeader } from './header.ts'
import { interleavedEndings, type CheckpointNaming } from './tensor-names.ts'

/** One file of a model, opened. */
export interface GgufPart {
  readonly header: GgufHeader
  readonly reader: RangeReader
}

interface Place {
  readonly tensor: LocatedTensor
  readonly reader: RangeReader
  readonly interleaved: boolean
}

export interface GgufTensorOptions {
  readonly naming: CheckpointNaming
  /** Experts of a block, which tensors of all experts must have; 0 in dense models. */
  readonly expertCount: number
  /** Rows of a head, where the converter has interleaved its two halves in q and k; null where it has not. */
  readonly interleavedHeadSize: number | null
}

/** The tensors of all parts under their Hugging Face names and in the order of Hugging Face rows. */
export function ggufTensors(parts: readonly GgufPart[], options: GgufTensorOptions): TensorSource {
  const places = new Map<string, Place>()
  const skipped = new Map<string, string>()
  const add = (name: string, ggufName: string, place: Place): void => {
    if (places.has(name)) throw new ModelError('bad-model', `tensor ${show(ggufName)} is in two parts`)
    places.set(name, place)
  }
  for (const { header, reader } of parts) {
    for (const [ggufName, tensor] of header.tensors) {
      const expertNames = options.naming.expertNames(ggufName)
      if (expertNames !== null) {
        for (const part of expertParts(tensor, options.expertCount, expertNames))
          add(part.name, ggufName, { tensor: part, reader, interleaved: false })
        continue
      }
      const name = options.naming.nameOf(ggufName)
      const interleaved =
        options.interleavedHeadSize !== null &&
        interleavedEndings.some((ending) => ggufName.endsWith(`.${ending}`))
      add(name, ggufName, {
        tensor: { ...tensor, name, shape: rowsOf(ggufName, tensor) },
        reader,
        interleaved,
      })
    }
    for (const [ggufName, type] of header.skipped) {
      skipped.set(options.naming.nameOf(ggufName), type)
      const expertNames = options.naming.expertNames(ggufName)
      for (let expert = 0; expertNames !== null && expert < options.expertCount; expert++)
        skipped.set(expertNames(expert), type)
    }
  }
  const placeOf = (name: string): Place => {
    const place = places.get(name)
    if (place !== undefined) return place
    const type = skipped.get(name)
    throw new ModelError(
      type === undefined ? 'bad-model' : 'unsupported-model',
      type === undefined
        ? `tensor ${show(name)} is missing from the GGUF file`
        : `tensor ${show(name)} is stored as ${type}; ${Object.keys(storedTypes).join(', ')} can be read`,
    )
  }
  return {
    tensor: async (name) => placeOf(name).tensor,
    tensorNames: async () => [...places.keys(), ...skipped.keys()],
    readRows: async (name, rowStart, rowEnd, signal) => {
      const { tensor, reader, interleaved } = placeOf(name)
      return interleaved
        ? readInterleaved(tensor, reader, options.interleavedHeadSize ?? 1, rowStart, rowEnd, signal)
        : readLocatedRows(tensor, reader, rowStart, rowEnd, signal)
    },
  }
}

/** The experts' parts of a tensor of all experts, which lie one behind the other. */
function expertParts(
  { name, type, shape, offset, bytes }: LocatedTensor,
  count: number,
  nameOf: (expert: number) => string,
): LocatedTensor[] {
  const [experts = 0, ...own] = shape
  if (experts !== count || own.length === 0)
    throw new ModelError(
      'bad-model',
      `tensor ${show(name)} has the shape [${shape.join(', ')}], but the file has ${count} experts`,
    )
  const size = bytes / count
  return Array.from({ length: count }, (_, expert) => ({
    name: nameOf(expert),
    type,
    shape: own,
    offset: offset + expert * size,
    bytes: size,
  }))
}

/** The gate of the expert that computes every row is a vector in GGUF files, and a matrix of one row elsewhere. */
function rowsOf(ggufName: string, { shape }: LocatedTensor): readonly number[] {
  return ggufName.endsWith('.ffn_gate_inp_shexp.weight') && shape.length === 1 ? [1, ...shape] : shape
}

/**
 * Undoes the order of rows that the converter of llama.cpp gives to q and k: there the pairs that a rotation turns are
 * neighbours, here they are half a head apart. Row `half · headSize/2 + i` of a head is row `2i + half` of the file.
 */
async function readInterleaved(
  tensor: LocatedTensor,
  reader: RangeReader,
  headSize: number,
  rowStart: number,
  rowEnd: number,
  signal?: AbortSignal,
): Promise<StoredRows> {
  const rows = tensor.shape[0] ?? 1
  const first = Math.floor(rowStart / headSize) * headSize
  const last = Math.min(rows, Math.ceil(rowEnd / headSize) * headSize)
  const { type, bytes } = await readLocatedRows(tensor, reader, first, last, signal)
  const rowBytes = last === first ? 0 : bytes.byteLength / (last - first)
  const ordered = new Uint8Array((rowEnd - rowStart) * rowBytes)
  for (let row = rowStart; row < rowEnd; row++) {
    const inHead = row % headSize
    const pair = inHead % (headSize / 2)
    const from = row - inHead + 2 * pair + (inHead < headSize / 2 ? 0 : 1) - first
    ordered.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), (row - rowStart) * rowBytes)
  }
  return { type, bytes: ordered }
}
