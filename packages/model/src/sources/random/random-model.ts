import { mkdir, open, readdir, statfs, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ModelError } from '../../error.ts'
import { packedSources, unitNames } from '../../packing/packed-layout.ts'
import { parseConfig } from '../../families/parse-config.ts'
import { createWeightGenerator } from './random-weights.ts'
import { writeFully } from '../../packing/folder/disk/write-durably.ts'

/** The shape of a model of random weights: a Llama, or another family's form of it. */
export interface RandomModelShape {
  /** `llama` by default. */
  readonly family?: string
  readonly hidden: number
  readonly blocks: number
  readonly heads: number
  readonly keyValueHeads: number
  /** `hidden / heads` by default. */
  readonly headSize?: number
  readonly feedForward: number
  /** Of families with experts. */
  readonly experts?: { readonly count: number; readonly active: number; readonly size: number }
  readonly vocabulary: number
  readonly context: number
  readonly tied: boolean
  /** Unsigned 32 bits. */
  readonly seed: number
  /** `bf16` by default. */
  readonly type?: 'bf16' | 'f32'
}

export interface RandomModelOptions {
  /** Bytes of tensors in one shard, at least one tensor; 2 GiB by default. */
  readonly shardBytesMax?: number
  readonly onProgress?: (progress: { readonly valuesDone: number; readonly valuesTotal: number }) => void
  readonly signal?: AbortSignal
}

interface RandomTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: number
  readonly mean: number
  readonly deviation: number
}

/** Values generated and written at once. */
const chunkValues = 1 << 21

/**
 * Writes a model of random weights in Hugging Face layout, for measurements and tests. No two tensors have the same values.
 * Activations keep their size: each matrix has standard deviation 1/√columns, divided by √(2 · blocks) where it adds to the
 * residual stream, as in GPT-2 (Radford et al. 2019, section 2.3). The same shape and seed give the same bytes.
 *
 * @throws {ModelError} `bad-request` for a folder that is not empty, `bad-model` for a shape that makes no sense
 */
export async function writeRandomModel(
  path: string,
  shape: RandomModelShape,
  options: RandomModelOptions = {},
): Promise<void> {
  const { shardBytesMax = 2 ** 31, onProgress, signal } = options
  const configJson = configOf(shape)
  const tensors = randomTensors(configJson)
  const folder = resolve(path)
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0)
    throw new ModelError(
      'bad-request',
      `${path} is not empty: a model of random weights is written into a new folder`,
    )
  const valueBytes = shape.type === 'f32' ? 4 : 2
  const valuesTotal = tensors.reduce((sum, tensor) => sum + tensor.values, 0)
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < valuesTotal * valueBytes) {
    throw new ModelError(
      'disk-full',
      `${valuesTotal * valueBytes} bytes are needed in ${path}, but only ${bavail * bsize} are free`,
    )
  }
  const shards = intoShards(tensors, shardBytesMax / valueBytes)
  const shardName = (index: number): string =>
    shards.length === 1
      ? 'model.safetensors'
      : `model-${String(index + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`
  let valuesDone = 0
  for (const [index, shard] of shards.entries()) {
    await writeShard(
      join(folder, shardName(index)),
      shard,
      tensors.indexOf(shard[0] as RandomTensor),
      shape,
      signal,
      (values) => {
        valuesDone += values
        onProgress?.({ valuesDone, valuesTotal })
      },
    )
  }
  if (shards.length > 1) {
    const weightMap = Object.fromEntries(
      shards.flatMap((shard, index) => shard.map((tensor) => [tensor.name, shardName(index)])),
    )
    await writeFile(
      join(folder, 'model.safetensors.index.json'),
      JSON.stringify({ metadata: { total_size: valuesTotal * valueBytes }, weight_map: weightMap }, null, 1),
    )
  }
  // config.json is written last, because a folder without it is not taken for a model.
  await writeFile(join(folder, 'config.json'), JSON.stringify(configJson, null, 1))
}

function configOf(shape: RandomModelShape): Readonly<Record<string, unknown>> {
  const family = shape.family ?? 'llama'
  return {
    model_type: family,
    hidden_size: shape.hidden,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.blocks,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    head_dim: shape.headSize ?? shape.hidden / shape.heads,
    vocab_size: shape.vocabulary,
    max_position_embeddings: shape.context,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    hidden_act: 'silu',
    tie_word_embeddings: shape.tied,
    torch_dtype: shape.type === 'f32' ? 'float32' : 'bfloat16',
    ...(family === 'mistral' ? { sliding_window: null } : {}),
    ...expertsOf(shape),
  }
}

function expertsOf({ experts, feedForward }: RandomModelShape): Readonly<Record<string, unknown>> {
  if (experts === undefined) return {}
  return {
    num_experts: experts.count,
    num_experts_per_tok: experts.active,
    moe_intermediate_size: experts.size,
    shared_expert_intermediate_size: feedForward,
    norm_topk_prob: true,
  }
}

function randomTensors(configJson: unknown): RandomTensor[] {
  const config = parseConfig(configJson)
  return unitNames(config).flatMap((unit) =>
    packedSources(config, unit).flatMap((packed) =>
      packed.sources.map(({ name, rows }) => {
        const columns = packed.shape[1]
        const shape = columns === undefined ? [rows] : [rows, columns]
        return { name, shape, values: rows * (columns ?? 1), ...momentsOf(packed.name, columns, config) }
      }),
    ),
  )
}

/** @param name of the packed tensor */
function momentsOf(
  name: string,
  columns: number | undefined,
  config: { blockCount: number; tiedEmbeddings: boolean },
): { mean: number; deviation: number } {
  if (columns === undefined)
    return name.endsWith('.bias') ? { mean: 0, deviation: 0.1 } : { mean: 1, deviation: 0.1 }
  // A row of the embedding has deviation 1. A tied one is the head's matrix too; the first norm then restores the size.
  if (name === 'embed.weight' && !config.tiedEmbeddings) return { mean: 0, deviation: 1 }
  const toResidual = /[.-](?:output|down)\.weight$/.test(name)
  return { mean: 0, deviation: 1 / Math.sqrt(columns * (toResidual ? 2 * config.blockCount : 1)) }
}

function intoShards(tensors: readonly RandomTensor[], valuesMax: number): RandomTensor[][] {
  const shards: RandomTensor[][] = []
  let room = -1
  for (const tensor of tensors) {
    if (tensor.values > room) {
      shards.push([])
      room = valuesMax
    }
    shards.at(-1)?.push(tensor)
    room -= tensor.values
  }
  return shards
}

async function writeShard(
  path: string,
  tensors: readonly RandomTensor[],
  firstStream: number,
  shape: RandomModelShape,
  signal: AbortSignal | undefined,
  written: (values: number) => void,
): Promise<void> {
  const wide = shape.type === 'f32'
  const header = safetensorsHeader(tensors, wide)
  const handle = await open(path, 'wx')
  try {
    await writeFully(handle, header, 0)
    let offset = header.byteLength
    for (const [index, tensor] of tensors.entries()) {
      const generator = createWeightGenerator(shape.seed, firstStream + index)
      const chunk = wide
        ? new Float32Array(Math.min(chunkValues, tensor.values))
        : new Uint16Array(Math.min(chunkValues, tensor.values))
      for (let done = 0; done < tensor.values; done += chunk.length) {
        signal?.throwIfAborted()
        const part = chunk.subarray(0, Math.min(chunk.length, tensor.values - done))
        if (part instanceof Float32Array) generator.fillFloat32(part, tensor.mean, tensor.deviation)
        else generator.fillBfloat16(part, tensor.mean, tensor.deviation)
        await writeFully(handle, new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset)
        offset += part.byteLength
        written(part.length)
      }
    }
  } finally {
    await handle.close()
  }
}

/** Length and JSON, padded with spaces so that the data section starts at a multiple of 8. */
function safetensorsHeader(tensors: readonly RandomTensor[], wide: boolean): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, shape, values }) => {
    const begin = end
    end += values * (wide ? 4 : 2)
    return [name, { dtype: wide ? 'F32' : 'BF16', shape, data_offsets: [begin, end] }]
  })
  const json = JSON.stringify(Object.fromEntries(entries))
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8))
  const header = new Uint8Array(8 + text.byteLength)
  new DataView(header.buffer).setBigUint64(0, BigInt(text.byteLength), true)
  header.set(text, 8)
  return header
}
