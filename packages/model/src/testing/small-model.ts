import { memoryFiles, type ModelFiles } from '../sources/range-reader.ts'
import type { FloatType } from '../sources/stored-types.ts'

/** A tensor to be written into a safetensors file. */
export interface TestTensor {
  readonly name: string
  readonly dtype: FloatType
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** A file of this header (as JSON) and these bytes, however wrong the header is. */
export function safetensorsFile(header: unknown, data: Uint8Array): Uint8Array {
  const json = utf8(JSON.stringify(header))
  const file = new Uint8Array(8 + json.byteLength + data.byteLength)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.byteLength), true)
  file.set(json, 8)
  file.set(data, 8 + json.byteLength)
  return file
}

export function safetensorsOf(tensors: readonly TestTensor[]): Uint8Array {
  let end = 0
  const data = new Uint8Array(tensors.reduce((sum, tensor) => sum + tensor.bytes.byteLength, 0))
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  for (const { name, dtype, shape, bytes } of tensors) {
    data.set(bytes, end)
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.byteLength] }
    end += bytes.byteLength
  }
  return safetensorsFile(header, data)
}

/**
 * Values in 64ths from -100/64 to 100/64: exact in float32, bfloat16 and float16 alike.
 * The formula is that of the independent script that made the golden hashes.
 */
export function smallValues(count: number, tensorIndex: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => (((i * 31 + tensorIndex * 17 + ((i * i) % 97)) % 201) - 100) / 64,
  )
}

/** Bytes of values that are exact in `dtype`. */
export function encodeValues(values: Float32Array, dtype: FloatType): Uint8Array {
  if (dtype === 'F64') return new Uint8Array(Float64Array.from(values).buffer)
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = Uint16Array.from(words, (word) => (dtype === 'BF16' ? word >>> 16 : float16Bits(word)))
  return new Uint8Array(halves.buffer)
}

/** Float32 bits to float16 bits, for normal values that are exact. */
function float16Bits(word: number): number {
  if ((word & 0x7fffffff) === 0) return word >>> 16
  return ((word >>> 16) & 0x8000) | ((((word >>> 23) & 0xff) - 112) << 10) | ((word >>> 13) & 0x3ff)
}

/** Qwen2 form (biases), 20 wide and 24 in the feed-forward network: no multiple of any block size. */
export const smallConfigJson = {
  model_type: 'qwen2',
  hidden_size: 20,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 6,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: false,
  bos_token_id: null,
  eos_token_id: 2,
}

export function smallTensors(dtype: FloatType): TestTensor[] {
  const [hidden, feedForward, vocabulary, keyValue] = [20, 24, 6, 10]
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [vocabulary, hidden]]]
  for (const layer of [0, 1]) {
    const block: [string, number[]][] = [
      ['input_layernorm.weight', [hidden]],
      ['self_attn.q_proj.weight', [hidden, hidden]],
      ['self_attn.k_proj.weight', [keyValue, hidden]],
      ['self_attn.v_proj.weight', [keyValue, hidden]],
      ['self_attn.q_proj.bias', [hidden]],
      ['self_attn.k_proj.bias', [keyValue]],
      ['self_attn.v_proj.bias', [keyValue]],
      ['self_attn.o_proj.weight', [hidden, hidden]],
      ['post_attention_layernorm.weight', [hidden]],
      ['mlp.gate_proj.weight', [feedForward, hidden]],
      ['mlp.up_proj.weight', [feedForward, hidden]],
      ['mlp.down_proj.weight', [hidden, feedForward]],
    ]
    shapes.push(...block.map(([name, shape]): [string, number[]] => [`model.layers.${layer}.${name}`, shape]))
  }
  shapes.push(['model.norm.weight', [hidden]], ['lm_head.weight', [vocabulary, hidden]])
  return shapes.map(([name, shape], index) => {
    const values = smallValues(
      shape.reduce((product, size) => product * size, 1),
      index,
    )
    return { name, dtype, shape, bytes: encodeValues(values, dtype) }
  })
}

/** The small model as files in memory, in one file or in `shards` of them. */
export function smallModelFiles(
  dtype: FloatType,
  shards = 1,
  change: (tensors: TestTensor[]) => TestTensor[] = (tensors) => tensors,
): ModelFiles {
  const tensors = change(smallTensors(dtype))
  const files = new Map([['config.json', utf8(JSON.stringify(smallConfigJson))]])
  if (shards === 1) files.set('model.safetensors', safetensorsOf(tensors))
  else {
    const shardName = (index: number): string => `model-${index % shards}.safetensors`
    const weightMap = Object.fromEntries(tensors.map(({ name }, index) => [name, shardName(index)]))
    files.set('model.safetensors.index.json', utf8(JSON.stringify({ weight_map: weightMap })))
    for (let shard = 0; shard < shards; shard++) {
      files.set(shardName(shard), safetensorsOf(tensors.filter((_, index) => index % shards === shard)))
    }
  }
  return memoryFiles('small', files)
}
