import type { BlockTensorName, ExpertTensorName } from '../packing/block-tensors.ts'

/**
 * How a family's published checkpoints name the tensors that packing needs. Names are those of the Hugging Face
 * safetensors files; a source in another format (GGUF, say) translates its own names into these.
 */
export interface CheckpointNames {
  readonly embedding: string
  readonly finalNorm: string
  /** The vocabulary projection; not read when it is tied to the embedding. */
  readonly head: string
  /** The beginning of the names of a block's tensors. */
  blockPrefix(index: number): string
  /**
   * By packed tensor, the checkpoint's tensors behind the prefix: one name for each stacked part (q, k and v, say), or a
   * single name where the checkpoint stores the parts as one matrix.
   */
  readonly block: Readonly<Partial<Record<BlockTensorName, readonly string[]>>>
  /** As `block`, the tensors of one expert of a block. */
  expert?(index: number): Readonly<Record<ExpertTensorName, readonly string[]>>
  /** Endings of tensors that a block may have and that follow from config.json. */
  readonly ignored: readonly string[]
}

/** The names that Llama introduced and most dense families share. */
export const llamaNames: CheckpointNames = {
  embedding: 'model.embed_tokens.weight',
  finalNorm: 'model.norm.weight',
  head: 'lm_head.weight',
  blockPrefix: (index) => `model.layers.${index}.`,
  block: {
    'attention-norm': ['input_layernorm.weight'],
    'qkv.weight': ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight'],
    'qkv.bias': ['self_attn.q_proj.bias', 'self_attn.k_proj.bias', 'self_attn.v_proj.bias'],
    'query-norm': ['self_attn.q_norm.weight'],
    'key-norm': ['self_attn.k_norm.weight'],
    'output.weight': ['self_attn.o_proj.weight'],
    'feed-forward-norm': ['post_attention_layernorm.weight'],
    'gate-up.weight': ['mlp.gate_proj.weight', 'mlp.up_proj.weight'],
    'down.weight': ['mlp.down_proj.weight'],
  },
  // Rotary frequencies, in old Llama files.
  ignored: ['.rotary_emb.inv_freq'],
}
