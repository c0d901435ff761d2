import type { CheckpointNames } from '../../config/checkpoint-names.ts'
import type { Family } from '../../families/family.ts'
import type { BlockTensorName, ExpertTensorName } from '../../packing/block-tensors.ts'

/** Endings of a block's tensors in GGUF files, part by part as in {@link CheckpointNames.block}. */
const blockEndings: Readonly<Partial<Record<BlockTensorName, readonly string[]>>> = {
  'attention-norm': ['attn_norm.weight'],
  'attention-norm.bias': ['attn_norm.bias'],
  'qkv.weight': ['attn_q.weight', 'attn_k.weight', 'attn_v.weight'],
  'qkv.bias': ['attn_q.bias', 'attn_k.bias', 'attn_v.bias'],
  'query-norm': ['attn_q_norm.weight'],
  'key-norm': ['attn_k_norm.weight'],
  'output.weight': ['attn_output.weight'],
  'output.bias': ['attn_output.bias'],
  'attention-post-norm': ['post_attention_norm.weight'],
  'feed-forward-norm': ['ffn_norm.weight'],
  'feed-forward-norm.bias': ['ffn_norm.bias'],
  'gate-up.weight': ['ffn_gate.weight', 'ffn_up.weight'],
  'gate-up.bias': ['ffn_gate.bias', 'ffn_up.bias'],
  'up.weight': ['ffn_up.weight'],
  'up.bias': ['ffn_up.bias'],
  'down.weight': ['ffn_down.weight'],
  'down.bias': ['ffn_down.bias'],
  'feed-forward-post-norm': ['post_ffw_norm.weight'],
  sinks: ['attn_sinks.weight'],
  'router.weight': ['ffn_gate_inp.weight', 'ffn_gate_inp_shexp.weight'],
  'router.bias': ['ffn_gate_inp.bias'],
  'shared-gate-up.weight': ['ffn_gate_shexp.weight', 'ffn_up_shexp.weight'],
  'shared-down.weight': ['ffn_down_shexp.weight'],
}

/** As {@link blockEndings}, tensors of all experts, each with an axis of experts in front. */
const expertEndings: Readonly<Record<ExpertTensorName, readonly string[]>> = {
  'gate-up.weight': ['ffn_gate_exps.weight', 'ffn_up_exps.weight'],
  'gate-up.bias': ['ffn_gate_exps.bias', 'ffn_up_exps.bias'],
  'down.weight': ['ffn_down_exps.weight'],
  'down.bias': ['ffn_down_exps.bias'],
}

/** Rows of q and k that the converter has interleaved, by the ending of their names. */
export const interleavedEndings = ['attn_q.weight', 'attn_k.weight', 'attn_q.bias', 'attn_k.bias']

/** How the tensors of a GGUF file are called in the family's Hugging Face checkpoints. */
export interface CheckpointNaming {
  /** Unknown names stay as they are. */
  nameOf(ggufName: string): string
  /** The name of one expert's part of a tensor of all experts; null for any other tensor. */
  expertNames(ggufName: string): ((expert: number) => string) | null
}

/** @param blockCount of the model: names of blocks behind them are unknown */
export function checkpointNaming({ checkpoint, gguf }: Family, blockCount: number): CheckpointNaming {
  const outer = new Map([
    ['token_embd.weight', checkpoint.embedding],
    ['output_norm.weight', checkpoint.finalNorm],
    ['output.weight', checkpoint.head],
  ])
  const endings = endingsOf(checkpoint, { ...blockEndings, ...gguf?.endings })
  return {
    nameOf(ggufName) {
      const [, index, ending] = blockName.exec(ggufName) ?? []
      if (index === undefined || ending === undefined) return outer.get(ggufName) ?? ggufName
      // A tensor that the family does not know keeps its ending, so that the check for tensors too many names it.
      return `${checkpoint.blockPrefix(Number(index))}${endings.get(ending) ?? ending}`
    },
    expertNames(ggufName) {
      const [, index, ending = ''] = blockName.exec(ggufName) ?? []
      const place = expertPlaces.get(ending)
      if (place === undefined || !(Number(index) < blockCount)) return null
      const [name, part] = place
      if (checkpoint.expert?.(0)[name]?.[part] === undefined) return null
      const prefix = checkpoint.blockPrefix(Number(index))
      return (expert) => `${prefix}${checkpoint.expert?.(expert)[name]?.[part]}`
    },
  }
}

const blockName = /^blk\.(\d{1,6})\.(.+)$/

/** The packed tensor of an expert, and which of its parts, by the ending of the name in GGUF files. */
const expertPlaces = new Map(
  (Object.entries(expertEndings) as [ExpertTensorName, readonly string[]][]).flatMap(([name, endings]) =>
    endings.map((ending, part) => [ending, [name, part] as const] as const),
  ),
)

function endingsOf(
  { block }: CheckpointNames,
  known: Readonly<Partial<Record<BlockTensorName, readonly string[]>>>,
): ReadonlyMap<string, string> {
  const endings = new Map<string, string>()
  for (const [name, ggufEndings] of Object.entries(known) as [BlockTensorName, readonly string[]][]) {
    const ours = block[name] ?? []
    // A family without a shared expert has a router of one part.
    if (ours.length === ggufEndings.length || name === 'router.weight')
      for (const [part, ending] of ggufEndings.entries()) {
        const own = ours[part]
        if (own !== undefined) endings.set(ending, own)
      }
  }
  return endings
}
