import { llamaNames, type CheckpointNames } from '../../config/checkpoint-names.ts'
import type { DenseChoices } from '../../config/dense-config.ts'
import { refuseUnsupported, type NumericKey } from '../../config/refusals.ts'
import { checkInteger, checkNumber, fieldOf, isSet, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'

/** Norm weights are stored less one. */
export const gemmaNames: CheckpointNames = { ...llamaNames, normsLessOne: true }

/** Norms before and after both halves of a block (Gemma 2 and 3). */
export const gemma2Names: CheckpointNames = {
  ...gemmaNames,
  block: {
    ...gemmaNames.block,
    'attention-post-norm': ['post_attention_layernorm.weight'],
    'feed-forward-norm': ['pre_feedforward_layernorm.weight'],
    'feed-forward-post-norm': ['post_feedforward_layernorm.weight'],
  },
}

/** `GemmaConfig` and its successors name the activation twice. Gemma 1 says "gelu" and means its approximation. */
export function refuseUnsupportedGemma(
  json: JsonObject,
  family: string,
  reads: readonly NumericKey[] = [],
): void {
  const named = fieldOf(json, 'hidden_activation') ?? fieldOf(json, 'hidden_act') ?? null
  refuseUnsupported(json, family, {
    reads: ['attention_bias', ...reads],
    activation: 'gelu-tanh',
    named: named === 'gelu' && family === 'gemma' ? 'gelu_pytorch_tanh' : named,
  })
}

/** Choices that all three generations share. */
export function gemmaChoices(
  json: JsonObject,
): Pick<DenseChoices, 'headSizeDefault' | 'tiedDefault' | 'attentionBias' | 'options'> {
  const attentionBias = isSet(json, 'attention_bias')
  const hiddenSize = checkInteger(fieldOf(json, 'hidden_size'), 'hidden_size', 1, limits.hiddenSizeMax)
  return {
    headSizeDefault: 256,
    tiedDefault: true,
    attentionBias,
    options: { embeddingScale: Math.sqrt(hiddenSize), outputBias: attentionBias },
  }
}

/** `query_pre_attn_scalar`, in place of the head size. */
export function scoreDivisorOf(json: JsonObject): number {
  const what = 'query_pre_attn_scalar'
  return Math.sqrt(checkNumber(fieldOf(json, what) ?? 256, what, 1e-6, 1e6))
}

/** The keys of GGUF files of Gemma 2 and 3. */
export const gemmaKeys: readonly string[] = [
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'rope.freq_base_swa',
]

/**
 * The config fields that these keys stand for. The divisor of scores has no key. llama.cpp derives it from the number
 * of blocks: the largest model of each generation, with 27 billion parameters, has a divisor of its own.
 * @param largest blocks of the largest model
 */
export function gemmaFields(number: (key: string) => number | undefined, largest: number): JsonObject {
  const isLargest = number('block_count') === largest
  const [width, heads] = [number('embedding_length') ?? 0, number('attention.head_count') ?? 1]
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    sliding_window: number('attention.sliding_window'),
    query_pre_attn_scalar: isLargest ? width / heads : number('attention.key_length'),
    attn_logit_softcapping: number('attn_logit_softcapping') ?? null,
    final_logit_softcapping: number('final_logit_softcapping') ?? null,
    rope_local_base_freq: number('rope.freq_base_swa'),
  }
}

/** Options of Gemma 2 and 3 for attention and logits; a soft cap of null means no cap. */
export function cappedOptions(
  json: JsonObject,
  defaults: { readonly attention: number | null; readonly logits: number | null },
): DenseChoices['options'] {
  const number = (key: string, absent: number | null): number | null => {
    const value = fieldOf(json, key)
    const given = value === undefined ? absent : value
    return given === null ? null : checkNumber(given, key, 1e-6, 1e6)
  }
  const attention = number('attn_logit_softcapping', defaults.attention)
  const logits = number('final_logit_softcapping', defaults.logits)
  return {
    ...(attention === null ? {} : { attentionSoftCap: attention }),
    ...(logits === null ? {} : { logitSoftCap: logits }),
  }
}
