import type { CheckpointNames } from '../../config/checkpoint-names.ts'
import type { BlockTensorName } from '../../packing/block-tensors.ts'

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
}

/** Rows of q and k that the converter has interleaved, by the ending of their names. */
export const interleavedEndings = ['attn_q.weight', 'attn_k.weight', 'attn_q.bias', 'attn_k.bias']

/** A tensor's name in the family's Hugging Face checkpoints, by its name in a GGUF file; unknown names stay as they are. */
export function checkpointNameOf(checkpoint: CheckpointNames): (ggufName: string) => string {
  const outer = new Map([
    ['token_embd.weight', checkpoint.embedding],
    ['output_norm.weight', checkpoint.finalNorm],
    ['output.weight', checkpoint.head],
  ])
  const endings = new Map<string, string>()
  for (const [name, ggufEndings] of Object.entries(blockEndings) as [BlockTensorName, readonly string[]][]) {
    const ours = checkpoint.block[name] ?? []
    if (ours.length === ggufEndings.length)
      for (const [part, ending] of ggufEndings.entries()) endings.set(ending, ours[part] as string)
  }
  return (ggufName) => {
    const [, index, ending] = /^blk\.(\d{1,6})\.(.+)$/.exec(ggufName) ?? []
    if (index === undefined || ending === undefined) return outer.get(ggufName) ?? ggufName
    // A tensor that the family does not know keeps its ending, so that the check for tensors too many names it.
    return `${checkpoint.blockPrefix(Number(index))}${endings.get(ending) ?? ending}`
  }
}
