import type { ModelSource } from '../sources/model-source.ts'
import { ggufFile, type GgufTensor, type GgufTestValue } from './gguf-file.ts'

/** The tensors of a GGUF file, each with the tensors of a checkpoint whose bytes it holds, one behind the other. */
export type GgufNames = ReadonlyMap<string, readonly string[]>

const typeNumbers: Readonly<Record<string, number>> = { F32: 0, BF16: 30, MXFP4: 39 }

const outerNames = [
  ['token_embd.weight', ['model.embed_tokens.weight']],
  ['output_norm.weight', ['model.norm.weight']],
  ['output.weight', ['lm_head.weight']],
] as const

/** Names of llama.cpp's converter (`gguf-py/gguf/constants.py`) beside those of transformers, behind their prefixes. */
const attentionNames = [
  ['attn_norm.weight', 'input_layernorm.weight'],
  ['ffn_norm.weight', 'post_attention_layernorm.weight'],
  ['post_attention_norm.weight', 'post_attention_layernorm.weight'],
  ...['q', 'k', 'v'].flatMap((part) =>
    ['weight', 'bias'].map((kind) => [`attn_${part}.${kind}`, `self_attn.${part}_proj.${kind}`]),
  ),
  ['attn_output.weight', 'self_attn.o_proj.weight'],
  ['attn_output.bias', 'self_attn.o_proj.bias'],
  ['attn_q_norm.weight', 'self_attn.q_norm.weight'],
  ['attn_k_norm.weight', 'self_attn.k_norm.weight'],
  ['attn_sinks.weight', 'self_attn.sinks'],
  ['ffn_gate.weight', 'mlp.gate_proj.weight'],
  ['ffn_up.weight', 'mlp.up_proj.weight'],
  ['ffn_down.weight', 'mlp.down_proj.weight'],
] as const

export interface Conversion {
  readonly architecture: string
  /** Keys behind the architecture's name. */
  readonly keys: readonly (readonly [string, GgufTestValue])[]
  /** The names of a block's tensors that this architecture does not have. */
  readonly without: readonly string[]
  /** Further tensors of a block, with names behind the block's prefix. */
  readonly more: GgufNames
  /** Rows of a head, whose halves in q and k are interleaved. */
  readonly interleavedHeadSize?: number
}

/** What llama.cpp's converter makes of a checkpoint; tensors that a block does not have are left out. */
export async function ggufOfCheckpoint(source: ModelSource, conversion: Conversion): Promise<Uint8Array> {
  const { architecture, keys, without, more, interleavedHeadSize } = conversion
  const known = new Set(await source.tensors.tensorNames())
  const names: [string, readonly string[]][] = outerNames.map(([name, own]) => [name, own])
  for (let index = 0; index < source.config.blockCount; index++) {
    const block = [...attentionNames.map(([name = '', own = '']) => [name, [own]] as const), ...more]
    for (const [name, own] of block)
      if (!without.includes(name))
        names.push([`blk.${index}.${name}`, own.map((one) => `model.layers.${index}.${one}`)])
  }
  const tensors: GgufTensor[] = []
  for (const [name, own] of names) {
    const tensor = await joined(source, name, own, known)
    if (tensor === null) continue
    const isTurned = /attn_[qk]\.(weight|bias)$/.test(name)
    tensors.push(
      isTurned && interleavedHeadSize !== undefined ? interleave(tensor, interleavedHeadSize) : tensor,
    )
  }
  return ggufFile({
    metadata: [
      ['general.architecture', architecture],
      ...keys.map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ],
    tensors,
  })
}

/** Null where the checkpoint lacks the tensor; experts whose tensors are stacked are asked for. */
async function joined(
  { tensors }: ModelSource,
  name: string,
  own: readonly string[],
  known: ReadonlySet<string>,
): Promise<GgufTensor | null> {
  const [first = ''] = own
  const isStacked = first.includes('.experts.')
  if (!known.has(first) && !isStacked) return null
  const parts: Uint8Array[] = []
  let shape: readonly number[] = []
  let type = ''
  for (const one of own) {
    const stored = await tensors.tensor(one).catch(() => null)
    if (stored === null) return null
    const rows = await tensors.readRows(one, 0, stored.shape[0] ?? 0)
    parts.push(rows.bytes)
    ;({ shape } = stored)
    ;({ type } = rows)
  }
  const flat = name.endsWith('ffn_gate_inp_shexp.weight') ? shape.slice(1) : shape
  const whole = isStacked ? [own.length, ...flat] : flat
  return {
    name,
    shape: whole.toReversed(),
    type: typeNumbers[type] ?? -1,
    bytes: new Uint8Array(Buffer.concat(parts)),
  }
}

/** Row `2i + half` of a head is row `half · headSize/2 + i` of the checkpoint. */
function interleave(tensor: GgufTensor, headSize: number): GgufTensor {
  const rows = Number(tensor.shape.at(-1))
  const width = tensor.bytes.length / rows
  const bytes = new Uint8Array(tensor.bytes.length)
  for (let row = 0; row < rows; row++) {
    const [head, inHead] = [Math.floor(row / headSize), row % headSize]
    const from = head * headSize + (inHead % 2) * (headSize / 2) + Math.floor(inHead / 2)
    bytes.set(tensor.bytes.subarray(from * width, (from + 1) * width), row * width)
  }
  return { ...tensor, bytes }
}
