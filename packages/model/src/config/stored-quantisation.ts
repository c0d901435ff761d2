import { ModelError } from '../error.ts'
import { asObject, checkInteger, fieldOf, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'

/** How the checkpoint stores quantised matrices, which are read and packed anew. */
export type StoredQuantisation =
  | {
      /** Matrices of 8-bit floats, with a scale for each tile, or one for the whole matrix where there are no tiles. */
      readonly kind: 'fp8'
      readonly tile: { readonly rows: number; readonly columns: number } | null
    }
  | {
      /** Matrices of 8-bit floats as TensorRT Model Optimizer and compressed-tensors write them: one scale, or one for each row. */
      readonly kind: 'fp8-rows'
    }
  | {
      /** Experts in blocks of 32 floats of 4 bits (gpt-oss). */
      readonly kind: 'mxfp4'
    }
  | {
      /** Others, which are not read. */
      readonly kind: 'other'
      readonly name: string
    }

/** Both keys say that the weights are quantised; the second is that of MLX. */
const keys = ['quantization_config', 'quantization'] as const

/**
 * Reads from a config.json whether, and how, the checkpoint's weights are quantised.
 *
 * @returns null for float weights
 * @throws {ModelError} `bad-model` for tiles without a size
 */
export function readStoredQuantisation(json: JsonObject): StoredQuantisation | null {
  const [key] = keys.filter((one) => (fieldOf(json, one) ?? null) !== null)
  if (key === undefined) return null
  const object = asObject(fieldOf(json, key), key)
  const named = fieldOf(object, 'quant_method')
  if (named === 'mxfp4') return { kind: 'mxfp4' }
  if (named === 'modelopt') return readModelOptimizer(object)
  if (named === 'compressed-tensors' && isRowsOfFloat8(object)) return { kind: 'fp8-rows' }
  const format = fieldOf(object, 'fmt') ?? 'e4m3'
  if (named === 'fp8' && format === 'e4m3') return { kind: 'fp8', tile: readTile(object) }
  const name = named === 'fp8' ? `fp8 in ${show(format)}` : (named ?? `${show(fieldOf(object, 'bits'))} bits`)
  return { kind: 'other', name: show(name) }
}

/** `quantization` of hf_quant_config.json, or `quantization_config` of newer files of TensorRT Model Optimizer. */
export function readModelOptimizer(object: JsonObject): StoredQuantisation {
  const algorithm = fieldOf(object, 'quant_algo')
  return algorithm === 'FP8' ? { kind: 'fp8-rows' } : { kind: 'other', name: show(algorithm) }
}

/** Whether all groups of a `compressed-tensors` checkpoint are 8-bit floats with one scale, or one for each row. */
function isRowsOfFloat8(object: JsonObject): boolean {
  if (fieldOf(object, 'format') !== 'float-quantized') return false
  const groups = Object.values(asObject(fieldOf(object, 'config_groups') ?? {}, 'config_groups'))
  return (
    groups.length > 0 &&
    groups.every((group) => {
      const weights = asObject(fieldOf(asObject(group, 'a group'), 'weights') ?? {}, 'the weights of a group')
      const strategy = fieldOf(weights, 'strategy')
      return (
        fieldOf(weights, 'num_bits') === 8 &&
        fieldOf(weights, 'type') === 'float' &&
        (strategy === 'tensor' || strategy === 'channel')
      )
    })
  )
}

function readTile(object: JsonObject): { readonly rows: number; readonly columns: number } | null {
  const key = 'weight_block_size'
  const size: unknown = fieldOf(object, key) ?? null
  if (size === null) return null
  if (!Array.isArray(size) || size.length !== 2)
    throw new ModelError('bad-model', `${key} must be two numbers, not ${show(size)}`)
  const [rows, columns] = size.map((one) => checkInteger(one, key, 1, limits.feedForwardSizeMax)) as [
    number,
    number,
  ]
  return { rows, columns }
}
