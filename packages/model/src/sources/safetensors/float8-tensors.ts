import type { StoredQuantisation } from '../../config/stored-quantisation.ts'
import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'
import type { StoredTensor, TensorSource } from '../tensor-source.ts'
import { widen } from '../widen.ts'
import { float8Values } from './float8.ts'
import type { CodedTensor, CodedTensors } from './safetensors-source.ts'

export type Float8Layout = Extract<StoredQuantisation, { kind: 'fp8' | 'fp8-rows' }>

/** Behind the name of a matrix, its scales. */
const scaleEndings = { fp8: '_scale_inv', 'fp8-rows': '_scale' } as const

/** What inputs, keys and values would be rounded with where these have 8 bits too, beside a matrix. */
const inputEndings = ['.activation_scale', '.input_scale', '.k_scale', '.v_scale']

/**
 * The tensors of a checkpoint whose matrices are 8-bit floats with scales beside them, as float32: each value is multiplied by
 * the scale of its tile, row or matrix, in float32 as the published code does. Other tensors are as they are.
 */
export function float8Tensors(source: TensorSource, codes: CodedTensors, layout: Float8Layout): TensorSource {
  const scaleEnding = scaleEndings[layout.kind]
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
          !inputEndings.some(
            (ending) => name.endsWith(ending) && matrices.has(`${name.slice(0, -ending.length)}.weight`),
          ),
      )
    },
    tensor: async (name, signal) => {
      const found = await coded(name, signal)
      if (found === null) return source.tensor(name, signal)
      await scalesOf(source, found, layout, signal)
      return { name, type: 'F32', shape: found.shape }
    },
    readRows: async (name, rowStart, rowEnd, signal) => {
      const found = await coded(name, signal)
      if (found === null) return source.readRows(name, rowStart, rowEnd, signal)
      const scales = await scalesOf(source, found, layout, signal)
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
  layout: Float8Layout,
  signal?: AbortSignal,
): Promise<Scales> {
  const [rows = 0, columns = 0] = shape
  if (shape.length !== 2)
    throw new ModelError('bad-model', `tensor ${show(name)} of 8-bit floats is not a matrix`)
  const scaleName = `${name}${scaleEndings[layout.kind]}`
  const scale = await source.tensor(scaleName, signal)
  const values = widen(await source.readRows(scaleName, 0, scale.shape[0] ?? 1, signal))
  const refuse = (what: string): never => {
    throw new ModelError(
      'bad-model',
      `tensor ${show(scaleName)} has shape [${scale.shape.join(', ')}], which is not one scale for each ${what} of [${shape.join(', ')}]`,
    )
  }
  if (values.length === 1 && (layout.kind === 'fp8-rows' || layout.tile === null))
    return { of: () => values[0] as number }
  if (layout.kind === 'fp8-rows') {
    if (values.length !== rows) refuse('row')
    return { of: (row) => values[row] as number }
  }
  const { tile } = layout
  if (tile === null) return refuse('matrix')
  const across = Math.ceil(columns / tile.columns)
  if (
    scale.shape.length !== 2 ||
    scale.shape[1] !== across ||
    values.length !== Math.ceil(rows / tile.rows) * across
  )
    refuse(`tile of ${tile.rows} × ${tile.columns}`)
  return {
    of: (row, column) =>
      values[Math.floor(row / tile.rows) * across + Math.floor(column / tile.columns)] as number,
  }
}

type StoredShape = Pick<StoredTensor, 'name' | 'shape'>
