import type { BlockTensorName, ExpertTensorName } from '../packing/block-tensors.ts'

/**
 * How a family's published checkpoints name the tensors that packing needs. Names are those of the Hugging Face
 * safetensors files; a source in another format (GGUF, say) translates its own names into these.
 */
export interface CheckpointNames {
  readonly embedding: string
  readonly finalNorm: string
  /** The bias of the final norm, in families whose norms have one. */
  readonly finalNormBias: string
  /** The vocabulary projection; not read when it is tied to the embedding. */
  readonly head: string
  /** The beginning of the names of a block's tensors. */
  blockPrefix(index: number): string
  /**
   * By packed tensor, the checkpoint's tensors behind the prefix: one name for each stacked part (q, k and v, say), or a
   * single name where the checkpoint stores the parts as one matrix.
   */
  readonly block: Readonly<Partial<Record<BlockTensorName, readonly string[]>>>
  /** As `block`, in blocks with a convolution in place of attention. */
  readonly convolution?: CheckpointNames['block']
  /** As `block`, the tensors of one expert of a block. */
  expert?(index: number): Readonly<Partial<Record<ExpertTensorName, readonly string[]>>>
  /** Endings of tensors that a block may have and that follow from config.json. */
  readonly ignored: readonly string[]
  /** One tensor holds a part of all experts (gpt-oss). */
  readonly expertsAreStacked?: true
  /** Norm weights are stored less one (Gemma). */
  readonly normsLessOne: boolean
}

/** The names that Llama introduced and most dense families share. */
export const llamaNames: CheckpointNames = {
  embedding: 'model.embed_tokens.weight',
  finalNorm: 'model.norm.weight',
  finalNormBias: 'model.norm.bias',
  head: 'lm_head.weight',
  blockPrefix: (index) => `model.layers.${index}.`,
  block: {
    'attention-norm': ['input_layernorm.weight'],
    'attention-norm.bias': ['input_layernorm.bias'],
    'qkv.weight': ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight'],
    'qkv.bias': ['self_attn.q_proj.bias', 'self_attn.k_proj.bias', 'self_attn.v_proj.bias'],
    'query-norm': ['self_attn.q_norm.weight'],
    'key-norm': ['self_attn.k_norm.weight'],
    'output.weight': ['self_attn.o_proj.weight'],
    'output.bias': ['self_attn.o_proj.bias'],
    'feed-forward-norm': ['post_attention_layernorm.weight'],
    'feed-forward-norm.bias': ['post_attention_layernorm.bias'],
    'gate-up.weight': ['mlp.gate_proj.weight', 'mlp.up_proj.weight'],
    'gate-up.bias': ['mlp.gate_proj.bias', 'mlp.up_proj.bias'],
    'up.weight': ['mlp.up_proj.weight'],
    'up.bias': ['mlp.up_proj.bias'],
    'down.weight': ['mlp.down_proj.weight'],
    'down.bias': ['mlp.down_proj.bias'],
  },
  // Rotary frequencies, in old Llama files.
  ignored: ['.rotary_emb.inv_freq'],
  normsLessOne: false,
}

/** The names of families that normalise branches only (OLMo 2, EXAONE 4). */
export const normsAfterNames: CheckpointNames = {
  ...llamaNames,
  block: {
    ...llamaNames.block,
    'attention-post-norm': ['post_attention_layernorm.weight'],
    'feed-forward-post-norm': ['post_feedforward_layernorm.weight'],
  },
}

/** The same names behind a prefix: the language model within a multimodal checkpoint. */
export function prefixedNames(names: CheckpointNames, prefix: string): CheckpointNames {
  return {
    ...names,
    embedding: `${prefix}${names.embedding}`,
    finalNorm: `${prefix}${names.finalNorm}`,
    finalNormBias: `${prefix}${names.finalNormBias}`,
    head: `${prefix}${names.head}`,
    blockPrefix: (index) => `${prefix}${names.blockPrefix(index)}`,
  }
}
