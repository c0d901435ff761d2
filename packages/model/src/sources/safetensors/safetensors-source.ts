import { ModelError } from '../error.ts'
import { asObject, fieldOf, parseJson, show } from '../json-fields.ts'
import { limits } from '../limits.ts'
import { readWhole, type ModelFiles, type RangeReader } from './range-reader.ts'
import { readSafetensorsHeader, type SourceTensor } from './safetensors.ts'

/** A tensor of the source model and the file that holds it. */
export interface LocatedTensor {
  readonly tensor: SourceTensor
  readonly reader: RangeReader
}

/** Finds tensors by name, reading only the headers of the shards that hold them. */
export interface SourceTensors {
  /** @throws {ModelError} `bad-model` when there is none of that name or its dtype is not a float */
  find(name: string, signal?: AbortSignal): Promise<LocatedTensor>
  /** Every tensor of the model; needs no shard's header when there is an index. */
  names(signal?: AbortSignal): Promise<readonly string[]>
}

/**
 * Opens `model.safetensors`, or the shards named by `model.safetensors.index.json`.
 * @throws {ModelError} `not-found` when there is neither
 */
export async function openSourceTensors(files: ModelFiles): Promise<SourceTensors> {
  const index = await files.open('model.safetensors.index.json')
  const shardOf = index === null ? null : await readIndex(index)
  if (shardOf === null && (await files.open('model.safetensors')) === null) {
    throw new ModelError(
      'not-found',
      `${files.name} has neither model.safetensors nor model.safetensors.index.json`,
    )
  }
  const shards = new Map<string, ReturnType<typeof openShard>>()
  // Concurrent finds share one reading of a header; a failed one (aborted, say) is not remembered.
  const shard = (fileName: string, signal?: AbortSignal): ReturnType<typeof openShard> => {
    const known = shards.get(fileName)
    if (known !== undefined) return known
    const opening = openShard(files, fileName, signal).catch((error: unknown) => {
      shards.delete(fileName)
      throw error
    })
    shards.set(fileName, opening)
    return opening
  }
  const look = async (name: string, signal?: AbortSignal): Promise<LocatedTensor | string> => {
    const fileName = shardOf === null ? 'model.safetensors' : shardOf.get(name)
    if (fileName === undefined)
      return `tensor ${show(name)} is missing: model.safetensors.index.json does not name it`
    const { reader, tensors, skipped } = await shard(fileName, signal)
    const tensor = tensors.get(name)
    if (tensor !== undefined) return { tensor, reader }
    const dtype = skipped.get(name)
    return dtype === undefined
      ? `tensor ${show(name)} is missing from ${fileName}`
      : `tensor ${show(name)} has dtype ${dtype}; F32, F16 and BF16 can be read`
  }
  return {
    find: async (name, signal) => {
      const found = await look(name, signal)
      if (typeof found === 'string') throw new ModelError('bad-model', found)
      return found
    },
    names: async (signal) => {
      if (shardOf !== null) return [...shardOf.keys()]
      const { tensors, skipped } = await shard('model.safetensors', signal)
      return [...tensors.keys(), ...skipped.keys()]
    },
  }
}

async function openShard(files: ModelFiles, fileName: string, signal?: AbortSignal) {
  const reader = await files.open(fileName)
  if (reader === null)
    throw new ModelError('not-found', `${files.name} has no file ${fileName}, which its index names`)
  return { reader, ...(await readSafetensorsHeader(reader, fileName, signal)) }
}

/** Tensor name to file name. File names stay inside the folder. */
async function readIndex(reader: RangeReader): Promise<Map<string, string>> {
  const what = 'model.safetensors.index.json'
  const json = asObject(parseJson(await readWhole(reader, limits.indexBytesMax, what), what), what)
  const map = Object.entries(asObject(fieldOf(json, 'weight_map'), `weight_map of ${what}`))
  if (map.length > limits.safetensorsTensorsMax)
    throw new ModelError(
      'bad-model',
      `${what} names ${map.length} tensors, more than ${limits.safetensorsTensorsMax}`,
    )
  const shardOf = new Map<string, string>()
  for (const [name, fileName] of map) {
    if (typeof fileName !== 'string' || !/^[\w][\w.-]{0,200}\.safetensors$/.test(fileName)) {
      throw new ModelError('bad-model', `${what}: ${show(fileName)} is not the name of a safetensors file`)
    }
    shardOf.set(name, fileName)
  }
  const shardCount = new Set(shardOf.values()).size
  if (shardCount > limits.shardsMax)
    throw new ModelError('bad-model', `${what} names ${shardCount} shards, more than ${limits.shardsMax}`)
  return shardOf
}
