import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'
import type { StoredTensor, TensorSource } from '../tensor-source.ts'
import { widen } from '../widen.ts'

export interface CheckpointTensorsOptions {
  /** The checkpoint is multimodal, and its language model's tensors have a prefix. */
  readonly multimodal: boolean
  /** Norm weights are stored less one. */
  readonly normsLessOne: boolean
}

/**
 * Prefixes of the language model's tensors within multimodal checkpoints, older and newer; the rest of each name is as
 * usual.
 */
const prefixes: readonly (readonly [string, string])[] = [
  ['language_model.', ''],
  ['model.language_model.', 'model.'],
]

/**
 * The tensors of a Hugging Face checkpoint as packing knows them: without the prefix of a multimodal checkpoint, norm weights
 * as flat vectors (Cohere stores one row for each head) that are multiplied with as they are.
 */
export function checkpointTensors(source: TensorSource, options: CheckpointTensorsOptions): TensorSource {
  const named = options.multimodal ? languageModelTensors(source) : source
  const isNorm = (name: string): boolean => name.endsWith('norm.weight')
  const flat = (tensor: StoredTensor): StoredTensor => ({
    ...tensor,
    type: options.normsLessOne ? 'F32' : tensor.type,
    shape: [tensor.shape.reduce((product, size) => product * size, 1)],
  })
  return {
    tensorNames: (signal) => named.tensorNames(signal),
    tensor: async (name, signal) => {
      const tensor = await named.tensor(name, signal)
      return isNorm(name) ? flat(tensor) : tensor
    },
    readRows: async (name, rowStart, rowEnd, signal) => {
      if (!isNorm(name)) return named.readRows(name, rowStart, rowEnd, signal)
      const [rows = 1] = (await named.tensor(name, signal)).shape
      const stored = widen(await named.readRows(name, 0, rows, signal)).slice(rowStart, rowEnd)
      const weights = options.normsLessOne ? stored.map((weight) => 1 + weight) : stored
      return { type: 'F32', bytes: new Uint8Array(weights.buffer) }
    },
  }
}

function languageModelTensors(source: TensorSource): TensorSource {
  let names: Promise<ReadonlyMap<string, string>> | null = null
  const read = async (signal?: AbortSignal): Promise<ReadonlyMap<string, string>> =>
    new Map((await source.tensorNames(signal)).map((name) => [withoutPrefix(name), name]))
  const storedNames = (signal?: AbortSignal): Promise<ReadonlyMap<string, string>> => {
    names ??= read(signal).catch((error: unknown) => {
      names = null
      throw error
    })
    return names
  }
  const storedName = async (name: string, signal?: AbortSignal): Promise<string> => {
    const stored = (await storedNames(signal)).get(name)
    if (stored === undefined)
      throw new ModelError('bad-model', `tensor ${show(name)} is missing from the language model`)
    return stored
  }
  return {
    tensorNames: async (signal) => [...(await storedNames(signal)).keys()],
    tensor: async (name, signal) => ({
      ...(await source.tensor(await storedName(name, signal), signal)),
      name,
    }),
    readRows: async (name, rowStart, rowEnd, signal) =>
      source.readRows(await storedName(name, signal), rowStart, rowEnd, signal),
  }
}

function withoutPrefix(name: string): string {
  for (const [prefix, usual] of prefixes)
    if (name.startsWith(prefix)) return usual + name.slice(prefix.length)
  return name
}
