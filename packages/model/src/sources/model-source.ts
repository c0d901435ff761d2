import { assetNames } from '../manifest/assets.ts'
import type { ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { parseJson } from '../json-fields.ts'
import { limits } from '../limits.ts'
import { parseConfig } from '../families/parse-config.ts'
import { readWhole, type ModelFiles } from './range-reader.ts'
import { sourceTypes, type SourceType } from './safetensors.ts'
import { openSourceTensors } from './source-tensors.ts'
import { widen } from './widen.ts'

/** A model as its makers published it: config, tokenizer files, and weights that are read by range. */
export interface ModelSource {
  readonly name: string
  readonly config: ModelConfig
  /** File name to bytes, for those of `assetNames` that the model has. */
  readonly assets: ReadonlyMap<string, Uint8Array>
  /** @throws {ModelError} `bad-model` when there is no such tensor */
  tensor(
    name: string,
    signal?: AbortSignal,
  ): Promise<{ readonly shape: readonly number[]; readonly dtype: SourceType }>
  /** Names of all its tensors. */
  tensorNames(signal?: AbortSignal): Promise<readonly string[]>
  /**
   * Rows `[rowStart, rowEnd)` of the first dimension, widened exactly to float32; no other byte is read.
   * The values may share memory with the source: do not write to them.
   */
  readRows(name: string, rowStart: number, rowEnd: number, signal?: AbortSignal): Promise<Float32Array>
  close(): Promise<void>
}

/**
 * Opens a model in Hugging Face layout. Only config.json and the small files are read; the source owns `files` from
 * here on, and closes them also when opening fails.
 *
 * @throws {ModelError} `not-found` without config.json or weights, `unsupported-model` or `bad-model` with the reason
 */
export async function openModel(files: ModelFiles, signal?: AbortSignal): Promise<ModelSource> {
  try {
    return await open(files, signal)
  } catch (error) {
    await files.close()
    throw error
  }
}

async function open(files: ModelFiles, signal?: AbortSignal): Promise<ModelSource> {
  const configReader = await files.open('config.json')
  if (configReader === null)
    throw new ModelError('not-found', `${files.name} has no config.json: not a model in Hugging Face layout`)
  const configJson = parseJson(
    await readWhole(configReader, limits.configBytesMax, 'config.json', signal),
    'config.json',
  )
  const assets = await readAssets(files, signal)
  const generation = assets.get('generation_config.json')
  const config = parseConfig(
    configJson,
    generation === undefined ? null : parseJson(generation, 'generation_config.json'),
  )
  const tensors = await openSourceTensors(files)
  return {
    name: files.name,
    config,
    assets,
    tensor: async (name, signal) => (await tensors.find(name, signal)).tensor,
    tensorNames: (signal) => tensors.names(signal),
    readRows: async (name, rowStart, rowEnd, signal) => {
      const { tensor, reader } = await tensors.find(name, signal)
      const rows = tensor.shape[0] ?? 1
      if (
        !Number.isInteger(rowStart) ||
        !Number.isInteger(rowEnd) ||
        rowStart < 0 ||
        rowStart > rowEnd ||
        rowEnd > rows
      ) {
        throw new ModelError(
          'bad-request',
          `rows [${rowStart}, ${rowEnd}) are not inside the ${rows} rows of ${name}`,
        )
      }
      const rowBytes = rows === 0 ? 0 : tensor.bytes / rows
      const length = (rowEnd - rowStart) * rowBytes
      const bytes = await reader.read(tensor.offset + rowStart * rowBytes, length, signal)
      if (bytes.byteLength !== length)
        throw new ModelError(
          'bad-model',
          `tensor ${name}: ${bytes.byteLength} of ${length} bytes arrived (${sourceTypes[tensor.dtype]} a value)`,
        )
      return widen(bytes, tensor.dtype)
    },
    close: () => files.close(),
  }
}

async function readAssets(files: ModelFiles, signal?: AbortSignal): Promise<Map<string, Uint8Array>> {
  const assets = new Map<string, Uint8Array>()
  for (const name of assetNames) {
    const reader = await files.open(name)
    if (reader !== null) assets.set(name, await readWhole(reader, limits.assetBytesMax, name, signal))
  }
  return assets
}
