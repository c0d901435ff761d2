import { checkSource } from '../sources/check-source.ts'
import { ModelError } from '../error.ts'
import { createPortableHasher, type Hasher } from '../manifest/hasher.ts'
import { limits } from '../limits.ts'
import type { ManifestTensor, UnitName } from '../manifest/manifest.ts'
import type { ModelSource } from '../sources/model-source.ts'
import {
  packedNames,
  packedSources,
  packedUnit,
  type PackedSource,
  type PackedTensor,
} from './packed-layout.ts'
import { storedValues, type StoredType } from '../sources/stored-types.ts'
import type { StoredRows } from '../sources/tensor-source.ts'
import { widen } from '../sources/widen.ts'
import { blockBytesOf, offsetFormat, type MatrixFormat } from './matrix-format.ts'
import { formatOf, ggufWeights, type NumericProfile, type Rounding } from './profile.ts'
import type { InputSums } from './quantising/calibrated.ts'
import { chooseQuantiser, type Quantise } from './quantising/choose-quantiser.ts'
import { firstNotFinite } from './quantising/quantise.ts'
import { repackBlocks, type PackedRows } from './quantising/repack-blocks.ts'

/** The destination of packed bytes: a folder, a buffer, or only a hash. */
export interface PackSink {
  /**
   * `bytes` belong at `offset` of `tensor`; pieces of one tensor arrive in order. They may be reused after the promise
   * has settled.
   */
  write(tensor: PackedTensor, offset: number, bytes: Uint8Array): Promise<void>
  /** Every tensor of the unit has been written; these are its hashes. */
  endUnit?(unit: UnitName, tensors: readonly ManifestTensor[]): Promise<void>
}

export interface PackProgress {
  readonly unit: UnitName
  /** Source values packed so far, of all units asked for. */
  readonly valuesDone: number
  readonly valuesTotal: number
}

export interface PackOptions {
  readonly onProgress?: (progress: PackProgress) => void
  readonly signal?: AbortSignal
  /** sha256; the portable one by default. */
  readonly createHasher?: () => Hasher
  /** What inputs of the blocks' matrices look like, by the matrix' name (`block-3.qkv`): for the rounding `calibrated`. */
  readonly inputSums?: ReadonlyMap<string, InputSums>
}

/**
 * Packs units. The source is streamed once; a few slices of rows are in memory, never a whole matrix. Packing is
 * deterministic: the same source and profile give the same bytes everywhere.
 *
 * @returns the tensors with their hashes, in the order of `units`, then in file order
 * @throws {ModelError} `bad-model` for a missing tensor, a wrong shape or a weight that is not finite
 */
export async function packTensors(
  source: ModelSource,
  profile: NumericProfile,
  units: readonly UnitName[],
  sink: PackSink,
  options: PackOptions = {},
): Promise<ManifestTensor[]> {
  await checkSource(source, units, options.signal)
  const jobs = units.map((unit) => ({ unit, sources: packedSources(source.config, unit) }))
  const valuesTotal = jobs.reduce(
    (sum, job) => sum + job.sources.reduce((inner, one) => inner + valuesOf(one), 0),
    0,
  )
  const { packValuesMax, calibratedValuesMax } = limits
  const valuesMax = profile.rounding === 'calibrated' ? calibratedValuesMax : packValuesMax
  let valuesDone = 0
  const packed: ManifestTensor[] = []
  for (const { unit, sources } of jobs) {
    const layout = new Map(packedUnit(source.config, profile, unit).map((tensor) => [tensor.name, tensor]))
    const tensors: ManifestTensor[] = []
    for (const one of sources) {
      const format = formatOf(profile, one.name)
      const parts = packedNames(one, format)
      const outputs = parts.map((name) =>
        createOutput(layout.get(name), sink, options.createHasher ?? createPortableHasher),
      )
      const matrix = parts.length === 1 ? null : matrixRounding(one.name, format, profile.rounding, options)
      for await (const slice of slicesOf(source, one, valuesMax, options.signal)) {
        await packSlice(slice, one, matrix, outputs)
        valuesDone += storedValues(slice.rows.type, slice.rows.bytes.byteLength)
        options.onProgress?.({ unit, valuesDone, valuesTotal })
      }
      tensors.push(...outputs.map((output) => output.finish()))
    }
    await sink.endUnit?.(unit, tensors)
    packed.push(...tensors)
  }
  return packed
}

interface Slice {
  readonly rows: StoredRows
  readonly sourceName: string
}

/** Slices of whole rows as they are stored, source after source. The next slice is read while the consumer works on this one. */
async function* slicesOf(
  source: ModelSource,
  packed: PackedSource,
  valuesMax: number,
  signal?: AbortSignal,
): AsyncGenerator<Slice> {
  const columns = packed.shape[1] ?? 1
  const rowsMax = Math.max(1, Math.floor(valuesMax / columns))
  const ranges = packed.sources.flatMap(({ name, rows }) =>
    Array.from({ length: Math.ceil(rows / rowsMax) }, (_, index) => ({
      name,
      start: index * rowsMax,
      end: Math.min(rows, (index + 1) * rowsMax),
    })),
  )
  const read = async (index: number): Promise<Slice | undefined> => {
    const range = ranges[index]
    if (range === undefined) return undefined
    const { name, start, end } = range
    return { rows: await source.tensors.readRows(name, start, end, signal), sourceName: name }
  }
  // `allSettled` keeps the failure of a read-ahead until its turn comes, instead of leaving it unhandled; and when the
  // consumer fails, the read-ahead has ended before the source can be closed.
  let next = Promise.allSettled([read(0)])
  try {
    for (let index = 1; ; index++) {
      const [result] = await next
      if (result.status === 'rejected') throw result.reason
      if (result.value === undefined) return
      signal?.throwIfAborted()
      next = Promise.allSettled([read(index)])
      yield result.value
    }
  } finally {
    await next
  }
}

interface Output {
  append(bytes: Uint8Array): Promise<void>
  finish(): ManifestTensor
}

function createOutput(tensor: PackedTensor | undefined, sink: PackSink, createHasher: () => Hasher): Output {
  if (tensor === undefined) throw new Error('the layout lacks a tensor that it names')
  const hasher = createHasher()
  let written = 0
  return {
    append: async (bytes) => {
      hasher.update(bytes)
      const offset = written
      written += bytes.byteLength
      await sink.write(tensor, offset, bytes)
    },
    finish: () => {
      if (written !== tensor.bytes)
        throw new Error(`${written} of ${tensor.bytes} bytes of ${tensor.name} were packed`)
      const { name, type, shape, offset, bytes } = tensor
      return { name, type, shape, offset, bytes, sha256: hasher.digest() }
    },
  }
}

/** How the rows of one matrix become codes. */
interface MatrixRounding {
  readonly format: MatrixFormat
  readonly quantise: Quantise
}

function matrixRounding(
  name: string,
  format: MatrixFormat,
  rounding: Rounding,
  { inputSums }: PackOptions,
): MatrixRounding {
  return {
    format,
    quantise: chooseQuantiser(format, rounding, inputSums?.get(name.replace(/\.weight$/, ''))),
  }
}

async function packSlice(
  { rows, sourceName }: Slice,
  packed: PackedSource,
  matrix: MatrixRounding | null,
  outputs: readonly Output[],
): Promise<void> {
  const columns = packed.shape[1]
  const [first, second, third] = outputs
  if (columns === undefined || second === undefined || matrix === null) {
    const values = widen(rows)
    refuseNotFinite(values, firstNotFinite(values), sourceName)
    await first?.append(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    return
  }
  const copied = repackBlocks(rows, matrix.format)
  if (copied !== null) refuseNotFinite(copied.scale, firstNotFinite(copied.scale), sourceName)
  if (copied === null && third !== undefined) throw noOffsets(rows.type, sourceName)
  const { weight, scale, offset } = copied ?? quantised(widen(rows), columns, matrix, sourceName)
  await first?.append(weight)
  await second.append(new Uint8Array(scale.buffer))
  if (third === undefined || offset === undefined) return
  refuseNotFinite(offset, firstNotFinite(offset), sourceName)
  await third.append(new Uint8Array(offset.buffer))
}

/** Offsets are copied from files that have them; values are never rounded to such blocks. */
function noOffsets(type: StoredType, sourceName: string): ModelError {
  return new ModelError(
    'bad-request',
    `${offsetFormat} holds blocks of GGUF files in Q4_K, Q4_1 and Q4_0, and tensor ${sourceName} is stored as ${type}; --weights ${ggufWeights} takes the format of each matrix from such a file`,
  )
}

function quantised(
  values: Float32Array,
  columns: number,
  { format, quantise }: MatrixRounding,
  sourceName: string,
): PackedRows {
  const { blockSize } = format
  const blocks = (values.length / columns) * Math.ceil(columns / blockSize)
  const weight = new Uint8Array(blocks * blockBytesOf(format))
  const scale = new Float32Array(blocks)
  refuseNotFinite(values, quantise(values, columns, blockSize, weight, scale), sourceName)
  return { weight, scale }
}

/** @param index of the value at fault; negative for none */
function refuseNotFinite(values: Float32Array, index: number, sourceName: string): void {
  if (index >= 0)
    throw new ModelError(
      'bad-model',
      `tensor ${sourceName} has a value that is not finite (${values[index]})`,
    )
}

function valuesOf(packed: PackedSource): number {
  return packed.shape.reduce((product, size) => product * size, 1)
}
