import type { StoredQuantisation } from '../../config/stored-quantisation.ts'
import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'
import type { StoredTensor, TensorSource } from '../tensor-source.ts'
import { widen } from '../widen.ts'
import { float8Values } from './float8.ts'
import type { CodedTensor, CodedTensors } from './safetensors-source.ts'

/** Behind the name of a matrix, its scales; and what inputs would be rounded with, where inputs have 8 bits too. */
const scaleEnding = '_scale_inv'
const inputEnding = '.activation_scale'

type Tile = Extract<StoredQuantisation, { kind: 'fp8' }>['tile']

/**
 * The tensors of a checkpoint whose matrices are 8-bit floats with scales beside them, as float32: each value is multiplied by
 * the scale of its tile, in float32 as the published code does. Other tensors are as they are.
 *
 * @param tile null for one scale per matrix
 */
export function float8Tensors(source: TensorSource, codes: CodedTensors, tile: Tile): TensorSource {
  const coded = async (name: string, signal?: AbortSignal): Promise<CodedTensor | null> => {
    const found = await codes.find(name, signal)
    return found?.type === 'F8_E4M3' ? found : null
  }
  return {
    tensorNames: async (signal) => {
      const all = await source.tensorNames(signal)
      const matrices = new Set(all)
      return all.filter(
        (name) =>
          !(name.endsWith(scaleEnding) && matrices.has(name.slice(0, -scaleEnding.length))) &&
          !(name.endsWith(inputEnding) && matrices.has(name.replace(inputEnding, '.weight'))),
      )
    },
    tensor: async (name, signal) => {
      const found = await coded(name, signal)
      if (found === null) return source.tensor(name, signal)
      await scalesOf(source, found, tile, signal)
      return { name, type: 'F32', shape: found.shape }
    },
    readRows: async (name, rowStart, rowEnd, signal) => {
      const found = await coded(name, signal)
      if (found === null) return source.readRows(name, rowStart, rowEnd, signal)
      const scales = await scalesOf(source, found, tile, signal)
      const bytes = await codes.readRows(name, rowStart, rowEnd, signal)
      const [, columns = 1] = found.shape
      const values = new Float32Array(bytes.byteLength)
      for (let at = 0, row = rowStart; at < values.length; at += columns, row++)
        for (let column = 0; column < columns; column++)
          values[at + column] =
            (float8Values[bytes[at + column] as number] as number) * scales.of(row, column)
      return { type: 'F32', bytes: new Uint8Array(values.buffer) }
    },
  }
}

interface Scales {
  /** Of the value in that row and column. */
  of(row: number, column: number): number
}

/** The scales of a matrix. @throws {ModelError} `bad-model` when there are none, or not one for each tile */
async function scalesOf(
  source: TensorSource,
  { name, shape }: StoredShape,
  tile: Tile,
  signal?: AbortSignal,
): Promise<Scales> {
  const [rows = 0, columns = 0] = shape
  if (shape.length !== 2)
    throw new ModelError('bad-model', `tensor ${show(name)} of 8-bit floats is not a matrix`)
  const scaleName = `${name}${scaleEnding}`
  const scale = await source.tensor(scaleName, signal)
  const values = widen(await source.readRows(scaleName, 0, scale.shape[0] ?? 1, signal))
  const expected = tile === null ? 1 : Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns)
  const across = tile === null ? 1 : Math.ceil(columns / tile.columns)
  const fits =
    values.length === expected && (tile === null || (scale.shape.length === 2 && scale.shape[1] === across))
  if (!fits)
    throw new ModelError(
      'bad-model',
      `tensor ${show(scaleName)} has shape [${scale.shape.join(', ')}], which is not one scale for each ${tile === null ? 'matrix' : `tile of ${tile.rows} × ${tile.columns}`} of [${shape.join(', ')}]`,
    )
  if (tile === null) return { of: () => values[0] as number }
  return {
    of: (row, column) =>
      values[Math.floor(row / tile.rows) * across + Math.floor(column / tile.columns)] as number,
  }
}

type StoredShape = Pick<StoredTensor, 'name' | 'shape'>
