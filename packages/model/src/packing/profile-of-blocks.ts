import type { ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import type { ModelSource } from '../sources/model-source.ts'
import { isBlockType, type StoredType } from '../sources/stored-types.ts'
import { blockBytesOf, offsetFormat, parseFormat, type MatrixFormat } from './matrix-format.ts'
import { packedSources, unitNames, type PackedSource } from './packed-layout.ts'
import {
  ggufWeights,
  kindOf,
  matrixKinds,
  matrixName,
  usualWeights,
  type KeyValueFormat,
  type MatrixKind,
  type NumericProfile,
} from './profile.ts'
import { keptInEightBits, keptWithOffsets } from './quantising/repack-blocks.ts'

/**
 * The profile of `--weights gguf`: each matrix has the smallest format that keeps the values of its blocks in the file, and
 * where no format keeps them (Q5_K, Q6_K, Q5_1, Q2_K, Q3_K, matrices of floats, or a matrix that is packed from parts of
 * different types) `int8:128`, which is close to them.
 *
 * @throws {ModelError} `bad-request` for a model whose weights are floats
 */
export async function profileOfBlocks(
  { name, config, tensors }: Pick<ModelSource, 'name' | 'config' | 'tensors'>,
  kv: KeyValueFormat = 'f32',
  signal?: AbortSignal,
): Promise<NumericProfile> {
  const types = new Map<string, Set<StoredType>>()
  for (const matrix of matricesOf(config)) {
    const key = matrixName(matrix.name)
    const known = types.get(key) ?? new Set<StoredType>()
    for (const source of matrix.sources) known.add((await tensors.tensor(source.name, signal)).type)
    types.set(key, known)
  }
  if (![...types.values()].some((known) => [...known].some(isBlockType)))
    throw new ModelError(
      'bad-request',
      `--weights ${ggufWeights} keeps the blocks of a quantised GGUF file, and the weights of ${name} are floats; use --weights ${usualWeights} or leave --weights out`,
    )
  const matrices = Object.fromEntries([...types].map(([key, known]) => [key, formatThatKeeps(known)]))
  const formats = Object.fromEntries(matrixKinds.map((kind) => [kind, largestOf(kind, matrices)])) as Record<
    MatrixKind,
    MatrixFormat
  >
  return { formats, matrices, rounding: 'nearest', kv, graphForm: 'canonical-1' }
}

/**
 * Names of all matrices that a profile may give a format of their own.
 * @throws {ModelError} `bad-model` where a profile from elsewhere names others
 */
export function checkMatrices(config: ModelConfig, { matrices }: NumericProfile): void {
  if (matrices === undefined) return
  const names = new Set(matricesOf(config).map(({ name }) => matrixName(name)))
  const same =
    Object.keys(matrices).length === names.size && [...names].every((name) => Object.hasOwn(matrices, name))
  if (!same)
    throw new ModelError('bad-model', 'the profile does not give each matrix of the config one format')
}

function matricesOf(config: ModelConfig): PackedSource[] {
  return unitNames(config).flatMap((unit) =>
    packedSources(config, unit).filter(({ kind }) => kind === 'matrix'),
  )
}

/** The smallest format that holds blocks of all these types unchanged. */
function formatThatKeeps(types: ReadonlySet<StoredType>): MatrixFormat {
  const all = [...types]
  if (all.every((type) => type === 'Q4_0')) return parseFormat('int4:32')
  if (all.every(keptWithOffsets)) return parseFormat(offsetFormat)
  return parseFormat(all.every(keptInEightBits) ? 'int8:32' : 'int8:128')
}

function largestOf(kind: MatrixKind, matrices: Readonly<Record<string, MatrixFormat>>): MatrixFormat {
  const own = Object.entries(matrices).flatMap(([name, format]) => (kindOf(name) === kind ? [format] : []))
  return own.reduce((largest, format) =>
    bytesPerWeight(format) > bytesPerWeight(largest) ? format : largest,
  )
}

/** In memory: codes, and beside each block a scale, its sum, and an offset where there is one. */
function bytesPerWeight(format: MatrixFormat): number {
  return (blockBytesOf(format) + 8 + (format.offsets === true ? 4 : 0)) / format.blockSize
}
