/**
 * Writes a Llama in bfloat16 as a GGUF file in one of ggml's formats, every matrix alike (`llama-quantize --pure`); matrices
 * whose rows are no whole blocks of it are in Q8_0. The file has names for tokens instead of their texts.
 */
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { openModel, widen, type ModelConfig, type ModelSource } from '@shoal/model'
import { openFolder } from '@shoal/model/node'
import { aligned, ggufHeader, type GgufEntry, type GgufValue } from './gguf-header.ts'
import { ggmlFormats, quantiseRows, type GgmlFormat, type GgmlFormatName } from './quantise-rows.ts'

/** Rows that are converted at once: a few MiB, and whole heads of every usual size. */
const rowsAtOnce = 512

const outerNames: Readonly<Record<string, string>> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
}

const blockNames: Readonly<Record<string, string>> = {
  'self_attn.q_proj.weight': 'attn_q.weight',
  'self_attn.k_proj.weight': 'attn_k.weight',
  'self_attn.v_proj.weight': 'attn_v.weight',
  'self_attn.o_proj.weight': 'attn_output.weight',
  'mlp.gate_proj.weight': 'ffn_gate.weight',
  'mlp.up_proj.weight': 'ffn_up.weight',
  'mlp.down_proj.weight': 'ffn_down.weight',
  'input_layernorm.weight': 'attn_norm.weight',
  'post_attention_layernorm.weight': 'ffn_norm.weight',
}

/**
 * Makes `path` from a folder in Hugging Face layout, unless it exists.
 * @throws {Error} for a model that is not a Llama in bfloat16, with the reason
 */
export async function writeGgufCopy(folder: string, path: string, format: GgmlFormatName): Promise<void> {
  if (await exists(path)) return
  const source = await openModel(await openFolder(folder))
  const pending = `${path}.pending`
  try {
    if (source.config.family !== 'llama')
      throw new Error(`llama.cpp is compared on Llama models, and this is ${source.config.family}`)
    const file = await open(pending, 'w')
    try {
      await writeTensors(source, ggmlFormats[format], file)
    } finally {
      await file.close()
    }
    await rename(pending, path)
  } finally {
    await source.close()
    await rm(pending, { force: true })
  }
}

interface Copied extends GgufEntry {
  readonly of: string
  readonly format: GgmlFormat
}

async function writeTensors(source: ModelSource, format: GgmlFormat, file: FileHandle): Promise<void> {
  const entries: Copied[] = []
  for (const of of await source.tensors.tensorNames()) entries.push(await entryOf(source, of, format))
  const header = ggufHeader(metadataOf(source.config), entries)
  await file.write(header)
  let at = header.byteLength
  for (const { of, shape, byteLength, format: own } of entries) {
    const [rows] = shape as [number]
    let place = at
    for (let row = 0; row < rows; row += rowsAtOnce) {
      const read = await source.tensors.readRows(of, row, Math.min(rows, row + rowsAtOnce))
      const widened = widen(read)
      const values = isTurned(of) ? interleaved(widened, source.config.headSize, shape[1] ?? 1) : widened
      const bytes =
        shape.length === 1
          ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
          : quantiseRows(own, values)
      await file.write(bytes, 0, bytes.byteLength, place)
      place += bytes.byteLength
    }
    at = aligned(at + byteLength)
  }
  await file.truncate(at)
}

async function entryOf(source: ModelSource, of: string, format: GgmlFormat): Promise<Copied> {
  const { shape, type } = await source.tensors.tensor(of)
  if (type !== 'BF16') throw new Error(`llama.cpp is compared on models in bfloat16, and ${of} is ${type}`)
  const count = shape.reduce((product, size) => product * size, 1)
  const name = nameOf(of)
  // Vectors stay float32, as in every GGUF file.
  if (shape.length === 1) return { of, name, shape, format, type: 0, byteLength: count * 4 }
  const fitting = shape[1]! % format.blockValues === 0 ? format : ggmlFormats.Q8_0
  const { blockValues, blockBytes, type: typeNumber } = fitting
  if (shape[1]! % blockValues !== 0)
    throw new Error(`llama.cpp is compared on matrices of whole blocks of ${blockValues} columns`)
  const byteLength = (count / blockValues) * blockBytes
  return { of, name, shape, format: fitting, type: typeNumber, byteLength }
}

/** llama.cpp turns neighbouring channels of q and k, where the checkpoint has pairs half a head apart. */
const isTurned = (of: string): boolean => /\.(q|k)_proj\.weight$/.test(of)

/** Row `2i + half` of a head of the file is row `half · headSize/2 + i` of the checkpoint. @param values whole heads */
function interleaved(values: Float32Array, headSize: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length)
  const rows = values.length / columns
  for (let row = 0; row < rows; row += 1) {
    const inHead = row % headSize
    const from = row - inHead + (inHead % 2) * (headSize / 2) + Math.floor(inHead / 2)
    turned.set(values.subarray(from * columns, (from + 1) * columns), row * columns)
  }
  return turned
}

function nameOf(of: string): string {
  const [, block, ending] = /^model\.layers\.(\d+)\.(.+)$/.exec(of) ?? []
  const name = block === undefined ? outerNames[of] : blockNames[ending ?? '']
  if (name === undefined) throw new Error(`llama.cpp is compared on plain Llamas, and this one has ${of}`)
  return block === undefined ? name : `blk.${block}.${name}`
}

function metadataOf(config: ModelConfig): (readonly [string, GgufValue])[] {
  const counts = {
    block_count: config.blockCount,
    context_length: config.contextLength,
    embedding_length: config.hiddenSize,
    feed_forward_length: config.feedForwardSize,
    'attention.head_count': config.headCount,
    'attention.head_count_kv': config.keyValueHeadCount,
    vocab_size: config.vocabularySize,
    'rope.dimension_count': config.headSize,
  }
  return [
    ['general.architecture', 'llama'],
    ['general.name', 'copy'],
    ...Object.entries(counts).map(([key, uint32]) => [`llama.${key}`, { uint32 }] as const),
    ['llama.attention.layer_norm_rms_epsilon', { float32: config.normEpsilon }],
    ['llama.rope.freq_base', { float32: config.rope.theta }],
    ...vocabulary(config.vocabularySize, config.bosTokenId ?? 1),
  ]
}

/** `enum llama_token_type`. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, byte: 6 } as const

/** A vocabulary of this size in the form of SentencePiece, which llama.cpp asks for its special tokens. */
function vocabulary(size: number, bosTokenId: number): (readonly [string, GgufValue])[] {
  const firstByte = 3
  const texts: string[] = []
  const types = new Int32Array(size)
  for (let id = 0; id < size; id += 1) {
    const byte = id - firstByte
    const isByte = byte >= 0 && byte < 256
    texts.push(isByte ? `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>` : `<token ${id}>`)
    types[id] = isByte ? tokenTypes.byte : tokenTypes.normal
  }
  types[0] = tokenTypes.unknown
  types[1] = tokenTypes.control
  types[2] = tokenTypes.control
  return [
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', { texts }],
    ['tokenizer.ggml.scores', { float32s: new Float32Array(size) }],
    ['tokenizer.ggml.token_type', { int32s: types }],
    ['tokenizer.ggml.unknown_token_id', { uint32: 0 }],
    ['tokenizer.ggml.bos_token_id', { uint32: bosTokenId }],
    ['tokenizer.ggml.eos_token_id', { uint32: 2 }],
  ]
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
