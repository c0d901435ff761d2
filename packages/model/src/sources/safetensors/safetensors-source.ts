import { ModelError } from '../../error.ts'
import { asObject, fieldOf, parseJson, show } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { readLocatedBytes, readLocatedRows, type LocatedTensor } from '../located-tensor.ts'
import { otherFormat } from '../other-formats.ts'
import { readWhole, type ModelFiles, type RangeReader } from '../range-reader.ts'
import { floatTypes, type CodeType } from '../stored-types.ts'
import type { TensorSource } from '../tensor-source.ts'
import { readSafetensorsHeader } from './header.ts'

const indexName = 'model.safetensors.index.json'

/** A tensor of codes, whose values are found with the scales of another tensor. */
export interface CodedTensor {
  readonly name: string
  readonly type: CodeType
  readonly shape: readonly number[]
}

export interface CodedTensors {
  /** Null when there is no such tensor, or it holds values. */
  find(name: string, signal?: AbortSignal): Promise<CodedTensor | null>
  /** @throws {ModelError} as {@link TensorSource.readRows} */
  readRows(name: string, rowStart: number, rowEnd: number, signal?: AbortSignal): Promise<Uint8Array>
}

/** A tensor and the file that holds it. */
interface FoundTensor {
  readonly tensor: LocatedTensor
  readonly reader: RangeReader
}

type Shard = Awaited<ReturnType<typeof openShard>>

/**
 * Opens `model.safetensors`, or the shards named by `model.safetensors.index.json`. Only the headers of shards whose tensors
 * are asked for are read.
 *
 * @throws {ModelError} `not-found` when there is neither
 */
export async function openSafetensors(
  files: ModelFiles,
): Promise<TensorSource & { readonly codes: CodedTensors; readonly fileNames: readonly string[] }> {
  const index = await files.open(indexName)
  const shardOf = index === null ? null : await readIndex(index)
  if (shardOf === null && (await files.open('model.safetensors')) === null)
    throw new ModelError('not-found', await withoutWeights(files))
  const shard = shardsOf(files)
  const find = async (name: string, signal?: AbortSignal): Promise<FoundTensor> => {
    const fileName = shardOf === null ? 'model.safetensors' : shardOf.get(name)
    if (fileName === undefined)
      throw new ModelError('bad-model', `tensor ${show(name)} is missing: ${indexName} does not name it`)
    return tensorIn(await shard(fileName, signal), fileName, name)
  }
  const findCodes = async (name: string, signal?: AbortSignal) => {
    const fileName = shardOf === null ? 'model.safetensors' : shardOf.get(name)
    if (fileName === undefined) return null
    const { codes, reader } = await shard(fileName, signal)
    const tensor = codes.get(name)
    return tensor === undefined ? null : { tensor, reader }
  }
  return {
    fileNames: shardOf === null ? ['model.safetensors'] : [...new Set(shardOf.values())],
    codes: {
      find: async (name, signal) => (await findCodes(name, signal))?.tensor ?? null,
      readRows: async (name, rowStart, rowEnd, signal) => {
        const found = await findCodes(name, signal)
        if (found === null) throw new ModelError('bad-model', `tensor ${show(name)} is missing`)
        return readLocatedBytes(found.tensor, found.reader, rowStart, rowEnd, signal)
      },
    },
    tensor: async (name, signal) => (await find(name, signal)).tensor,
    tensorNames: async (signal) => {
      if (shardOf !== null) return [...shardOf.keys()]
      const { tensors, skipped } = await shard('model.safetensors', signal)
      return [...tensors.keys(), ...skipped.keys()]
    },
    readRows: async (name, rowStart, rowEnd, signal) => {
      const { tensor, reader } = await find(name, signal)
      return readLocatedRows(tensor, reader, rowStart, rowEnd, signal)
    },
  }
}

/** What keeps the files of the weights from being read, a sentence each: some are absent, or pointers of Git LFS. */
export async function weightFaults(files: ModelFiles, fileNames: readonly string[]): Promise<string[]> {
  const faults: string[] = []
  const absent: string[] = []
  for (const name of fileNames) {
    try {
      if ((await files.open(name)) === null) absent.push(name)
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
      faults.push(error.message)
    }
  }
  if (absent.length === 0) return faults
  const shown = absent.slice(0, 8).join(', ') + (absent.length > 8 ? ', …' : '')
  return [
    `${absent.length} of ${fileNames.length} files that the index names are absent: ${shown}`,
    ...faults,
  ]
}

async function withoutWeights(files: ModelFiles): Promise<string> {
  const format = otherFormat(await files.list())
  return `${files.name} has neither model.safetensors nor ${indexName}${format === null ? '' : `: ${format}`}`
}

/** Concurrent look-ups share one reading of a header; a failed one (aborted, say) is not remembered. */
function shardsOf(files: ModelFiles): (fileName: string, signal?: AbortSignal) => Promise<Shard> {
  const shards = new Map<string, Promise<Shard>>()
  return (fileName, signal) => {
    const known = shards.get(fileName)
    if (known !== undefined) return known
    const opening = openShard(files, fileName, signal).catch((error: unknown) => {
      shards.delete(fileName)
      throw error
    })
    shards.set(fileName, opening)
    return opening
  }
}

function tensorIn({ reader, tensors, skipped }: Shard, fileName: string, name: string): FoundTensor {
  const tensor = tensors.get(name)
  if (tensor !== undefined) return { tensor, reader }
  const dtype = skipped.get(name)
  throw new ModelError(
    'bad-model',
    dtype === undefined
      ? `tensor ${show(name)} is missing from ${fileName}`
      : `tensor ${show(name)} has dtype ${dtype}; ${Object.keys(floatTypes).join(', ')} can be read`,
  )
}

async function openShard(files: ModelFiles, fileName: string, signal?: AbortSignal) {
  const reader = await files.open(fileName)
  if (reader === null)
    throw new ModelError('not-found', `${files.name} has no file ${fileName}, which its index names`)
  return { reader, ...(await readSafetensorsHeader(reader, fileName, signal)) }
}

/** Tensor name to file name. File names stay inside the folder. */
async function readIndex(reader: RangeReader): Promise<Map<string, string>> {
  const what = indexName
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
