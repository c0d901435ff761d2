import type { ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { isMultimodal, languageModelOf } from '../families/language-model.ts'
import { parseConfig } from '../families/parse-config.ts'
import { familyNamed } from '../families/registry.ts'
import { asObject, fieldOf, parseJson } from '../json-fields.ts'
import { limits } from '../limits.ts'
import { assetNames } from '../manifest/assets.ts'
import { withEndToken } from './end-token.ts'
import { licenseOfCard } from './license.ts'
import { readWhole, type ModelFiles } from './range-reader.ts'
import {
  readModelOptimizer,
  readStoredQuantisation,
  type StoredQuantisation,
} from '../config/stored-quantisation.ts'
import { checkpointTensors } from './safetensors/checkpoint-tensors.ts'
import { float8Tensors } from './safetensors/float8-tensors.ts'
import { openSafetensors, weightFaults } from './safetensors/safetensors-source.ts'
import { stackedExperts } from './safetensors/stacked-experts.ts'
import type { TensorSource } from './tensor-source.ts'

/** A model as its makers published it: config, tokenizer files, and weights that are read by range. */
export interface ModelSource {
  readonly name: string
  readonly config: ModelConfig
  /** File name to bytes, for those of `assetNames` that the model has. */
  readonly assets: ReadonlyMap<string, Uint8Array>
  readonly tensors: TensorSource
  /** The `--weights` that keeps the values of weights that are quantised already; null for weights that are floats. */
  readonly preferredWeights: string | null
  /** The licence that the model card or the file names; null when it names none. Absent where nothing could name one. */
  license?(signal?: AbortSignal): Promise<string | null>
  /** What keeps the files of the weights from being read, a sentence each; opens all of them. Absent where it is known at once. */
  weightFaults?(): Promise<readonly string[]>
  close(): Promise<void>
}

/**
 * Opens a model in Hugging Face layout. Only config.json and the small files are read. From here on the source owns
 * `files`, and closes them also when opening fails.
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
  if (configReader === null) throw await noConfig(files)
  const configJson = parseJson(
    await readWhole(configReader, limits.configBytesMax, 'config.json', signal),
    'config.json',
  )
  const assets = await readAssets(files, signal)
  const generation = assets.get('generation_config.json')
  const ofOptimizer = await quantisationOfOptimizer(files, signal)
  const config = parseConfig(
    configJson,
    generation === undefined ? null : parseJson(generation, 'generation_config.json'),
  )
  const quantisation =
    ofOptimizer ?? readStoredQuantisation(languageModelOf(asObject(configJson, 'config.json')))
  const stored = await openSafetensors(files)
  return {
    name: files.name,
    config: withEndToken(config, assets),
    assets,
    tensors: checkpointTensors(storedTensors(stored, config, quantisation), {
      multimodal: isMultimodal(asObject(configJson, 'config.json')),
      normsLessOne: familyNamed(config.family).checkpoint.normsLessOne,
    }),
    preferredWeights: quantisation?.kind === 'mxfp4' ? weightsThatKeepMxfp4 : null,
    weightFaults: () => weightFaults(files, stored.fileNames),
    license: (given) => licenseOfCard(files, given),
    close: () => files.close(),
  }
}

/** Experts keep their values; all else has 16 bits, of which 8 are kept. */
const weightsThatKeepMxfp4 = 'int8:128+feed-forward-int8:32'

/** The tensors of the files as values, whatever they are stored as. */
function storedTensors(
  files: Awaited<ReturnType<typeof openSafetensors>>,
  { family }: ModelConfig,
  quantisation: StoredQuantisation | null,
): TensorSource {
  const values =
    quantisation?.kind === 'fp8' || quantisation?.kind === 'fp8-rows'
      ? float8Tensors(files, files.codes, quantisation)
      : files
  return familyNamed(family).checkpoint.expertsAreStacked === true
    ? stackedExperts(values, files.codes)
    : values
}

/**
 * TensorRT Model Optimizer says in a file of its own, and not in config.json, that weights are quantised.
 * @throws {ModelError} `unsupported-model` for other kinds than 8-bit floats
 */
async function quantisationOfOptimizer(
  files: ModelFiles,
  signal?: AbortSignal,
): Promise<StoredQuantisation | null> {
  const name = 'hf_quant_config.json'
  const reader = await files.open(name)
  if (reader === null) return null
  const json = asObject(parseJson(await readWhole(reader, limits.configBytesMax, name, signal), name), name)
  const stored = readModelOptimizer(asObject(fieldOf(json, 'quantization') ?? {}, `quantization of ${name}`))
  if (stored.kind !== 'other') return stored
  throw new ModelError(
    'unsupported-model',
    `the weights of ${files.name} are already quantised (${stored.name}, says ${name}); use the original float weights`,
  )
}

async function noConfig(files: ModelFiles): Promise<ModelError> {
  const gguf = (await files.list()).filter((name) => name.toLowerCase().endsWith('.gguf'))
  const first = gguf.slice(0, 8).join(', ')
  return new ModelError(
    'not-found',
    gguf.length === 0
      ? `${files.name} has no config.json: not a model in Hugging Face layout`
      : `${files.name} has no config.json, but ${gguf.length} GGUF files (${first}${gguf.length > 8 ? ', …' : ''}): name one of them, as ${files.name}:FILE.gguf`,
  )
}

async function readAssets(files: ModelFiles, signal?: AbortSignal): Promise<Map<string, Uint8Array>> {
  const assets = new Map<string, Uint8Array>()
  for (const name of assetNames) {
    // tokenizer.json says all of it, and comes before it in the list.
    if (name === 'tokenizer.model' && assets.has('tokenizer.json')) continue
    const reader = await files.open(name)
    if (reader !== null) assets.set(name, await readWhole(reader, limits.assetBytesMax, name, signal))
  }
  return assets
}
